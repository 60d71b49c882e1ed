// The rules of service names, on the command lines of tests/vectors/process/.
#include "agent/process/naming.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "agent/process/command_line.h"
#include "agent/process/name_parts.h"
#include "agent/process/utf8.h"

namespace kernspan::process {
namespace {

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

struct Vector {
  std::string file;
  std::string name;
  std::string service;
  ProcessFacts facts;
};

std::vector<Vector> all_vectors() {
  std::vector<Vector> vectors;
  const std::filesystem::path folder =
      std::filesystem::path(KERNSPAN_SOURCE_DIR) / "tests" / "vectors" / "process";
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    std::ifstream stream(file.path());
    const nlohmann::json document = nlohmann::json::parse(stream);
    for (const nlohmann::json& item : document.at("cases")) {
      Vector vector{file.path().filename(), item.at("name"), item.at("service"), {}};
      ProcessFacts& facts = vector.facts;
      facts.executable_path = item.value("exe", "");
      if (item.contains("exe_hex")) facts.executable_path = from_hex(item.at("exe_hex"));
      facts.args = item.value("args", std::vector<std::string>{});
      facts.args_truncated = item.value("args_truncated", false);
      facts.exec_args = item.value("exec_args", std::vector<std::string>{});
      facts.comm = item.value("comm", "");
      facts.cwd = item.value("cwd", "");
      facts.otel_service_name = item.value("otel_service_name", "");
      facts.otel_resource_attributes = item.value("otel_resource_attributes", "");
      facts.flask_app = item.value("flask_app", "");
      vectors.push_back(std::move(vector));
    }
  }
  return vectors;
}

bool is_presentable(const std::string& name) {
  return !name.empty() && name.size() <= 255 && to_utf8(name, 1000) == name &&
         name.find('\0') == std::string::npos;
}

TEST(Naming, FollowsTheVectors) {
  const std::vector<Vector> vectors = all_vectors();
  ASSERT_GE(vectors.size(), 60U);
  for (const Vector& vector : vectors) {
    EXPECT_EQ(service_name_for(vector.facts), vector.service) << vector.file << ": " << vector.name;
  }
}

// Whatever a command line is cut to or mixed up with, a name comes out.
TEST(Naming, SurvivesAnyCommandLine) {
  const std::vector<Vector> vectors = all_vectors();
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (const Vector& vector : vectors) {
    for (std::size_t count = 0; count < vector.facts.args.size(); ++count) {
      ProcessFacts facts = vector.facts;
      facts.args.resize(count);
      EXPECT_TRUE(is_presentable(service_name_for(facts))) << vector.name;
      const ProcessFacts& other = vectors[random() % vectors.size()].facts;
      facts.args.insert(facts.args.end(), other.args.begin(), other.args.end());
      EXPECT_TRUE(is_presentable(service_name_for(facts))) << vector.name;
    }
    for (std::string text : vector.facts.args) {
      ProcessFacts facts = vector.facts;
      for (std::size_t size = text.size(); size-- > 0;) {
        text.resize(size);
        facts.args = {vector.facts.args[0], text};
        EXPECT_TRUE(is_presentable(service_name_for(facts))) << vector.name;
        facts.args = {text};
        facts.executable_path.clear();
        EXPECT_TRUE(is_presentable(service_name_for(facts))) << vector.name;
      }
    }
  }
}

TEST(Naming, KnowsWhoRewritesItsTitle) {
  EXPECT_TRUE(rewrites_its_title({"/usr/bin/python3", "-u", "/usr/bin/gunicorn", "shop:app"}));
  EXPECT_TRUE(rewrites_its_title({"nginx", "-g", "daemon off;"}));
  EXPECT_FALSE(rewrites_its_title({"/usr/bin/python3", "app.py"}));
  EXPECT_FALSE(rewrites_its_title({"ls", "-l", "-a", "-b", "-c", "gunicorn"}));
  EXPECT_FALSE(rewrites_its_title({}));
}

TEST(NameParts, MakesPathsAbsolute) {
  EXPECT_EQ(absolute_path("x/./y/../z", "/srv"), "/srv/x/z");
  EXPECT_EQ(absolute_path("/x//y/", "/srv"), "/x/y");
  EXPECT_EQ(absolute_path("../../../x", "/srv"), "/x");
  EXPECT_EQ(absolute_path("x/y", ""), "x/y");
  EXPECT_EQ(absolute_path("", "/srv/shop"), "/srv/shop");
}

TEST(CommandLine, DropsThePaddingOfTitles) {
  using namespace std::string_literals;
  EXPECT_EQ(split_nul("a\0b\0\0\0\0"s, 10), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(split_nul("a\0\0b\0"s, 10), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_EQ(split_nul("a\0b\0c\0"s, 2), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(split_nul(std::string(100'000, '\0'), 10).empty());
}

TEST(CommandLine, FindsOptionsInAllTheirForms) {
  const std::vector<std::string_view> args = {"x", "--name=a", "-nb", "-q", "--port", "80"};
  EXPECT_EQ(option_value(args, {"--name", "-n"}), "a");
  EXPECT_EQ(option_value(args, {"-n"}), "b");
  EXPECT_EQ(option_value(args, {"--port"}), "80");
  EXPECT_EQ(option_value(args, {"-x", "80"}), "");
}

}  // namespace
}  // namespace kernspan::process
