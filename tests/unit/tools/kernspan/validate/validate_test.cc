#include "tools/kernspan/validate/validate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/tools/kernspan/run_command.h"
#include "tools/kernspan/validate/known_components.h"

namespace kernspan::tools {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

template <typename Factory>
std::vector<std::string> types_of(const std::vector<Factory>& table) {
  std::vector<std::string> types;
  for (const Factory& factory : table) types.push_back(factory.type);
  return types;
}

class ValidateTest : public ::testing::Test {
 protected:
  ValidateTest() {
    std::string pattern = ::testing::TempDir() + "validateXXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~ValidateTest() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& yaml) {
    const std::string path = folder_ / name;
    std::ofstream(path) << yaml;
    return path;
  }

  // Runs `validate` with these arguments; what it prints is in out_ and err_.
  int validate(std::vector<std::string> arguments) {
    CommandResult result = run_command(declare_validate, std::move(arguments));
    out_ = std::move(result.out);
    err_ = std::move(result.err);
    return result.code;
  }

  std::filesystem::path folder_;
  std::string out_;
  std::string err_;
};

TEST(KnownComponents, AreThoseOfAllTiers) {
  const Registry all = known_components();
  EXPECT_THAT(types_of(all.receivers), Contains("otlp").Times(1));
  EXPECT_THAT(types_of(all.receivers), Contains("ebpf").Times(1));
  EXPECT_THAT(types_of(all.processors), Contains("batch").Times(1));
  EXPECT_THAT(types_of(all.exporters), Contains("otlp_grpc").Times(1));
  EXPECT_THAT(types_of(all.extensions), Contains("health_check").Times(1));
}

TEST_F(ValidateTest, AcceptsWhatIsDeployed) {
  std::size_t files = 0;
  for (const auto& file :
       std::filesystem::directory_iterator(KERNSPAN_SOURCE_DIR "/deploy/config")) {
    EXPECT_EQ(validate({"--strict", file.path().string()}), 0) << file.path() << err_;
    ++files;
  }
  EXPECT_GE(files, 4u);
}

TEST_F(ValidateTest, AcceptsTheAgentsConfiguration) {
  const std::string path =
      write("agent.yaml",
            "receivers: {ebpf: }\n"
            "processors: {batch: }\n"
            "exporters: {otlp_grpc: {endpoint: 'gateway:4317', tls: {insecure: "
            "true}}}\n"
            "service: {pipelines: {traces: {receivers: [ebpf], processors: "
            "[batch], exporters: [otlp_grpc]}}}\n");
  EXPECT_EQ(validate({path}), 0);
  EXPECT_EQ(out_, path + ": valid\n");
  EXPECT_THAT(err_, IsEmpty());
}

TEST_F(ValidateTest, ATierDoesNotHaveAllComponents) {
  const std::string path =
      write("agent.yaml",
            "receivers: {ebpf: }\n"
            "exporters: {debug: }\n"
            "service: {pipelines: {traces: {receivers: [ebpf], exporters: [debug]}}}\n");
  EXPECT_EQ(validate({path, "--tier", "agent"}), 0) << err_;
  EXPECT_EQ(validate({path, "--tier", "gateway"}), 1);
  EXPECT_THAT(out_, IsEmpty());
  EXPECT_THAT(err_, HasSubstr(path + ":1:13: receivers: unknown type: \"ebpf\""));
  EXPECT_THAT(err_, HasSubstr("kernspan-gateway would not start from it; kernspan-agent would\n"));
  EXPECT_THROW(validate({path, "--tier", "otel"}), CLI::ValidationError);
}

TEST_F(ValidateTest, EachTierHasWhatIsDeployedForIt) {
  const std::filesystem::path folder = KERNSPAN_SOURCE_DIR "/deploy/config";
  for (const Tier& tier : tiers()) {
    const std::string name(tier.name);
    EXPECT_EQ(validate({"--tier", name, folder / (name + ".yaml")}), 0) << name << err_;
  }
}

TEST_F(ValidateTest, WhatNoTierStartsFromIsNoOtherTiers) {
  const std::string path = write("a.yaml", "receivers: {nothing: }\n");
  EXPECT_EQ(validate({path, "--tier", "federation"}), 1);
  EXPECT_THAT(err_, Not(HasSubstr("would not start from it")));
}

TEST_F(ValidateTest, NamesFileLineAndColumnOfWhatIsWrong) {
  const std::string path = write("bad.yaml",
                                 "receivers:\n"
                                 "  otlp:\n"
                                 "    protocols:\n"
                                 "      grpc:\n"
                                 "        endpiont: localhost:4317\n"
                                 "exporters: {debug: }\n"
                                 "service: {pipelines: {traces: {receivers: [otlp], exporters: "
                                 "[debug]}}}\n");
  EXPECT_EQ(validate({path}), 1);
  EXPECT_THAT(out_, IsEmpty());
  EXPECT_THAT(err_, HasSubstr(path + ":5:9: receivers::otlp::protocols::grpc: unknown key "
                                     "\"endpiont\"; did you mean \"endpoint\"?"));
}

TEST_F(ValidateTest, PrintsTheEffectiveConfigurationWithoutItsSecrets) {
  const std::string path =
      write("a.yaml",
            "receivers: {otlp: {protocols: {grpc: }}}\n"
            "exporters: {otlp: {endpoint: 'gateway:4317', headers: {x: hunter2}}}\n"
            "service:\n"
            "  pipelines: {traces: {receivers: [otlp], exporters: [otlp]}}\n"
            "  telemetry: {metrics: {address: 'localhost:8889'}}\n");
  EXPECT_EQ(validate({"--print", path, "yaml:exporters::otlp::compression: none"}), 0) << err_;
  EXPECT_THAT(out_, HasSubstr("      x: \"***\"\n"));
  EXPECT_THAT(out_, HasSubstr("    compression: none\n"));
  EXPECT_THAT(out_, HasSubstr("              port: 8889\n"));
  EXPECT_THAT(err_, HasSubstr("warning: " + path + ":5:34: "));
  EXPECT_EQ(validate({"--strict", path}), 1);
  EXPECT_THAT(err_, HasSubstr(path + ":5:34: service::telemetry::metrics: has invalid keys"));
}

TEST_F(ValidateTest, RunsWithoutWhatIsNotBuiltOnlyWhenItIsTold) {
  const std::string path =
      write("a.yaml",
            "receivers: {otlp: {protocols: {grpc: }}}\n"
            "processors: {redaction: }\n"
            "exporters: {debug: }\n"
            "service: {pipelines: {traces: {receivers: [otlp], processors: [redaction], "
            "exporters: [debug]}}}\n");
  EXPECT_EQ(validate({path}), 1);
  EXPECT_THAT(err_, HasSubstr(path + ":2:14: processors::redaction: \"redaction\" is not "
                                     "part of this version"));
  EXPECT_EQ(validate({"--skip-unbuilt", path}), 0) << err_;
  EXPECT_THAT(err_, HasSubstr("processors::redaction: LEFT OUT"));
}

TEST_F(ValidateTest, MergesItsArgumentsInOrder) {
  const std::string one = write("one.yaml", "receivers: {otlp: {protocols: {grpc: }}}\n");
  const std::string two = write("two.yaml",
                                "exporters: {debug: }\n"
                                "service: {pipelines: {traces: {receivers: [otlp], exporters: "
                                "[debug]}}}\n");
  EXPECT_EQ(validate({one}), 1);
  EXPECT_EQ(validate({one, two}), 0) << err_;
}

}  // namespace
}  // namespace kernspan::tools
