// The house's one structural rule: an include never points upwards or sideways.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace kernspan {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::filesystem::path root = KERNSPAN_SOURCE_DIR;

// Which areas a file of an area may include, besides its own.
const std::map<std::string, std::set<std::string>> may_include = {
    {"bpf/abi", {}},
    {"bpf", {"bpf/abi", "vmlinux"}},
    {"vmlinux", {}},
    {"pipeline/base", {}},
    {"pipeline/otlp", {"pipeline/base"}},
    {"pipeline/ottl", {"pipeline/otlp", "pipeline/base"}},
    {"pipeline/component", {"pipeline/otlp", "pipeline/base"}},
    {"pipeline/kubernetes", {"pipeline/base"}},
    {"pipeline/routing",
     {"pipeline/kubernetes", "pipeline/component", "pipeline/otlp", "pipeline/base"}},
    {"pipeline/receivers", {"pipeline/component", "pipeline/otlp", "pipeline/base"}},
    {"pipeline/processors",
     {"pipeline/kubernetes", "pipeline/component", "pipeline/ottl", "pipeline/otlp",
      "pipeline/base"}},
    {"pipeline/exporters",
     {"pipeline/routing", "pipeline/component", "pipeline/otlp", "pipeline/base"}},
    {"pipeline/connectors", {"pipeline/component", "pipeline/otlp", "pipeline/base"}},
    {"pipeline/extensions", {"pipeline/component", "pipeline/otlp", "pipeline/base"}},
    {"pipeline/service",
     {"pipeline/receivers", "pipeline/processors", "pipeline/exporters", "pipeline/connectors",
      "pipeline/extensions", "pipeline/component", "pipeline/ottl", "pipeline/otlp",
      "pipeline/base"}},
    {"agent", {"pipeline", "bpf/abi"}},
    {"gateway", {"pipeline"}},
    {"federation", {"pipeline"}},
    {"tools", {"agent", "gateway", "federation", "pipeline", "bpf/abi"}},
};

bool is_in(std::string_view path, std::string_view area) {
  return path.starts_with(area) && path.size() > area.size() && path[area.size()] == '/';
}

// The longest area that the path lies in.
std::optional<std::string> area_of(std::string_view path) {
  std::optional<std::string> found;
  for (const auto& [area, allowed] : may_include) {
    if (is_in(path, area) && (!found || area.size() > found->size())) found = area;
  }
  return found;
}

// Product code must not reach into tests; tests may reach everything.
bool is_test(std::string_view path) {
  return is_in(path, "tests") || path.ends_with("_test.cc") || path.ends_with("_fuzzer.cc");
}

bool is_generated(std::string_view include) {
  return include.ends_with(".skel.h");
}

bool is_allowed(const std::string& file, const std::string& include) {
  if (is_test(file)) return true;
  if (is_in(include, "tests")) return false;
  if (is_generated(include)) return is_in(file, "agent");
  const std::optional<std::string> from = area_of(file);
  const std::optional<std::string> to = area_of(include);
  // Libraries, and headers named relative to their own folder.
  if (!to || !from || from == to) return true;
  for (const std::string& area : may_include.at(*from)) {
    // "pipeline" allows all its floors; "bpf/abi" does not allow "bpf".
    if (*to == area || is_in(*to, area)) return true;
  }
  return false;
}

struct Include {
  std::string file;  // from the root
  int line = 0;
  std::string target;
};

std::vector<Include> includes_of(const std::string& file, std::istream& in) {
  std::vector<Include> includes;
  std::string text;
  for (int line = 1; std::getline(in, text); ++line) {
    const std::size_t hash = text.find_first_not_of(" \t");
    if (hash == std::string::npos || text[hash] != '#') continue;
    const std::size_t word = text.find_first_not_of(" \t", hash + 1);
    if (word == std::string::npos || !text.substr(word).starts_with("include")) continue;
    const std::size_t open = text.find_first_of("\"<", word);
    if (open == std::string::npos) continue;
    const std::size_t close = text.find_first_of("\">", open + 1);
    if (close == std::string::npos) continue;
    std::string target = text.substr(open + 1, close - open - 1);
    // libbpf's own headers have our folder's name.
    if (text[open] == '<' && is_in(target, "bpf")) continue;
    includes.push_back({file, line, std::move(target)});
  }
  return includes;
}

std::vector<Include> all_includes() {
  std::vector<Include> includes;
  for (const char* top : {"agent", "bpf", "federation", "gateway", "pipeline", "tests", "tools"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / top)) {
      const std::string extension = entry.path().extension();
      if (extension != ".h" && extension != ".cc" && extension != ".c") continue;
      std::ifstream in(entry.path());
      const std::string name = entry.path().lexically_relative(root);
      for (Include& include : includes_of(name, in)) includes.push_back(std::move(include));
    }
  }
  return includes;
}

TEST(Layering, NoIncludePointsUpwardsOrSideways) {
  const std::vector<Include> includes = all_includes();
  EXPECT_GT(includes.size(), 300u);  // the walk found the tree
  std::vector<std::string> wrong;
  for (const Include& include : includes) {
    if (is_allowed(include.file, include.target)) continue;
    wrong.push_back(include.file + ":" + std::to_string(include.line) + " includes " +
                    include.target);
  }
  EXPECT_THAT(wrong, IsEmpty());
}

TEST(Layering, EveryProjectHeaderThatIsNamedExists) {
  std::vector<std::string> missing;
  for (const Include& include : all_includes()) {
    if (!area_of(include.target) || is_generated(include.target)) continue;
    if (std::filesystem::exists(root / include.target)) continue;
    missing.push_back(include.file + ":" + std::to_string(include.line) + " includes " +
                      include.target);
  }
  EXPECT_THAT(missing, IsEmpty());
}

TEST(Layering, KnowsUpFromDown) {
  EXPECT_TRUE(is_allowed("pipeline/otlp/batch.h", "pipeline/base/error.h"));
  EXPECT_FALSE(is_allowed("pipeline/base/error.h", "pipeline/otlp/batch.h"));
  EXPECT_FALSE(is_allowed("pipeline/receivers/otlp/a.cc", "pipeline/exporters/otlp/b.h"));
  EXPECT_FALSE(is_allowed("pipeline/component/a.h", "pipeline/service/b.h"));
  EXPECT_TRUE(is_allowed("pipeline/service/a.cc", "pipeline/exporters/otlp/b.h"));
  EXPECT_FALSE(is_allowed("pipeline/service/a.cc", "gateway/components.h"));
  EXPECT_TRUE(is_allowed("gateway/main.cc", "pipeline/service/service_main.h"));
  EXPECT_FALSE(is_allowed("gateway/main.cc", "agent/components.h"));
  EXPECT_FALSE(is_allowed("agent/a.cc", "federation/components.h"));
  EXPECT_TRUE(is_allowed("agent/probes/a.cc", "bpf/abi/events.h"));
  EXPECT_TRUE(is_allowed("agent/probes/a.cc", "bpf/capture.skel.h"));
  EXPECT_FALSE(is_allowed("gateway/a.cc", "bpf/capture.skel.h"));
  EXPECT_FALSE(is_allowed("agent/probes/a.cc", "bpf/message_state.h"));
  EXPECT_FALSE(is_allowed("gateway/a.cc", "bpf/abi/events.h"));
  EXPECT_FALSE(is_allowed("bpf/a.bpf.c", "pipeline/base/ids.h"));
  EXPECT_FALSE(is_allowed("pipeline/base/a.cc", "tests/unit/pipeline/fake_clock.h"));
  EXPECT_TRUE(is_allowed("tests/unit/bpf/a_test.cc", "bpf/message_state.h"));
  EXPECT_TRUE(is_allowed("pipeline/base/a.cc", "vector"));
}

TEST(Layering, ReadsIncludeLines) {
  std::istringstream in(
      "#include \"a/b.h\"\n// #include \"no.h\"\n  #  include <c.h>  // why\n#include "
      "<bpf/libbpf.h>\n#define X \"d.h\"\n");
  std::vector<std::string> targets;
  for (const Include& include : includes_of("f", in)) targets.push_back(include.target);
  EXPECT_THAT(targets, ElementsAre("a/b.h", "c.h"));
}

}  // namespace
}  // namespace kernspan
