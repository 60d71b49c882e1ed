// Two types of one name in one namespace link without a complaint, and one of them runs the other's
// code. Headers are where types are shared, so headers are looked at.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <re2/re2.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace kernspan {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// "kernspan::otlp::Batch": types that are defined at the left margin, as all types of namespaces
// are.
std::vector<std::string> types_of(std::istream& in) {
  static const RE2 kNamespace(R"(namespace ([\w:]+) \{.*)");
  static const RE2 kType(R"((?:class|struct|enum class) (\w+)[^;]*\{.*)");
  std::vector<std::string> types;
  std::string space;
  std::string name;
  for (std::string line; std::getline(in, line);) {
    if (RE2::FullMatch(line, kNamespace, &name)) {
      space = space.empty() || name.starts_with("kernspan") ? name : space + "::" + name;
    } else if (RE2::FullMatch(line, kType, &name)) {
      types.push_back(space + "::" + name);
    }
  }
  return types;
}

TEST(OneDefinition, NoTypeIsDefinedInTwoHeadersOfAProgram) {
  const std::filesystem::path root = KERNSPAN_SOURCE_DIR;
  std::map<std::string, std::set<std::string>> headers_by_type;
  for (const char* top : {"agent", "pipeline"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / top)) {
      if (entry.path().extension() != ".h") continue;
      std::ifstream in(entry.path());
      const std::string header = entry.path().lexically_relative(root);
      for (const std::string& type : types_of(in)) headers_by_type[type].insert(header);
    }
  }
  EXPECT_GT(headers_by_type.size(), 200U);  // the walk found the tree
  std::vector<std::string> twice;
  for (const auto& [type, headers] : headers_by_type) {
    if (headers.size() > 1) twice.push_back(type + " in " + *headers.begin() + " and others");
  }
  EXPECT_THAT(twice, IsEmpty());
}

TEST(OneDefinition, ReadsTypes) {
  std::istringstream in(
      "namespace kernspan {\nclass A final : public B {\nclass C;\nenum class D : int { kE };\n"
      "  struct Inner {\nnamespace wire {\nstruct F {\n");
  EXPECT_THAT(types_of(in), ElementsAre("kernspan::A", "kernspan::D", "kernspan::wire::F"));
}

}  // namespace
}  // namespace kernspan
