#include "pipeline/service/service_main.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "pipeline/component/registry.h"

namespace kernspan {
namespace {

// Takes 5 spans, passes on 3 and drops 2, and then asks the process to stop, as an orchestrator
// would.
class SelfStoppingReceiver final : public Receiver {
 public:
  SelfStoppingReceiver(StageBooks& books, Consumer& next) : books_(books), next_(next) {}

  Status start() override {
    books_.take(5);
    books_.dropped("malformed").add(2);
    if (!next_.consume(otlp::Batch::from_encoder("x", 3))) return permanent("refused");
    books_.pass_on(3);
    kill(getpid(), SIGTERM);
    return {};
  }
  void stop(std::chrono::steady_clock::time_point) override {}

 private:
  StageBooks& books_;
  Consumer& next_;
};

class CountingExporter final : public Exporter {
 public:
  explicit CountingExporter(StageBooks& books) : books_(books) {}

  Status start() override { return {}; }
  void stop(std::chrono::steady_clock::time_point) override {}
  Status consume(otlp::Batch batch) override {
    books_.take(batch.item_count());
    books_.pass_on(batch.item_count());
    return {};
  }

 private:
  StageBooks& books_;
};

DaemonSpec make_spec() {
  DaemonSpec spec{.name = "kernspan-test",
                  .description = "A daemon",
                  .registry = {},
                  .flags = {{.name = "--answer", .description = "", .run = [] { return 42; }}}};
  spec.registry.receivers.push_back(
      {.type = "self_stopping",

       .create = [](const ConfigNode&, const ComponentContext& context,
                    Consumer& next) -> Result<std::unique_ptr<Receiver>> {
         return std::make_unique<SelfStoppingReceiver>(context.books, next);
       }});
  spec.registry.exporters.push_back(
      {.type = "counting",

       .create = [](const ConfigNode&,
                    const ComponentContext& context) -> Result<std::unique_ptr<Exporter>> {
         return std::make_unique<CountingExporter>(context.books);
       }});
  return spec;
}

constexpr const char* kConfig =
    "receivers: {self_stopping: }\n"
    "exporters: {counting: }\n"
    "service:\n"
    "  pipelines: {traces: {receivers: [self_stopping], exporters: [counting]}}\n"
    "  telemetry: {metrics: {level: none}}\n";

class ServiceMainTest : public ::testing::Test {
 protected:
  ServiceMainTest() {
    // The daemon's signal mask and threads stay in the process that the test exits from.
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  }
  ~ServiceMainTest() override {
    for (const std::filesystem::path& file : files_) std::filesystem::remove(file);
  }

  // The file's name is the same in the test's process and the one that exits.
  std::string write(const std::string& name, const std::string& yaml) {
    const std::string path =
        ::testing::TempDir() + "service_main_" + std::to_string(getuid()) + "_" + name;
    std::ofstream(path) << yaml;
    files_.push_back(path);
    return path;
  }

  [[noreturn]] static void run_and_exit(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "kernspan-test");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::exit(run_daemon(static_cast<int>(arguments.size()), argv.data(), make_spec()));
  }

  std::vector<std::filesystem::path> files_;
};

using ::testing::ExitedWithCode;

TEST_F(ServiceMainTest, RunsUntilItIsToldToStopAndPrintsTheLedger) {
  const std::string path = write("good.yaml", kConfig);
  EXPECT_EXIT(run_and_exit({"--config", path}), ExitedWithCode(0),
              "kernspan-test .* is ready(.|\n)*"
              "SIGTERM: draining for at most 10s(.|\n)*"
              "receivers/self_stopping +spans +5 +3 +0 +2 +0 +balances\n"
              " +dropped +2 malformed\n"
              "exporters/counting +spans +3 +3 +0 +0 +0 +balances\n");
}

TEST_F(ServiceMainTest, RefusesAWrongConfiguration) {
  const std::string path = write("bad.yaml", "receivers: {self_stoping: }\n");
  EXPECT_EXIT(run_and_exit({"--config=" + path}), ExitedWithCode(1),
              "error\t.*bad.yaml:1:13: receivers: unknown type: .*did you mean \"self_stopping\"");
  EXPECT_EXIT(run_and_exit({}), ExitedWithCode(1), "--config FILE");
}

TEST_F(ServiceMainTest, ValidatesWithoutStarting) {
  const std::string path = write("valid.yaml", kConfig);
  EXPECT_EXIT(run_and_exit({"--validate", "--config", path}), ExitedWithCode(0), "^$");
  const std::string more = write("more.yaml", "exporters: {counting: , zzz: }\n");
  EXPECT_EXIT(run_and_exit({"--validate", "--config", path, "--config", more}), ExitedWithCode(1),
              "more.yaml:1:25: exporters: unknown type: \"zzz\"");
}

TEST_F(ServiceMainTest, HasAVersionAndItsOwnFlags) {
  EXPECT_EXIT(run_and_exit({"--version"}), ExitedWithCode(0), "");
  EXPECT_EXIT(run_and_exit({"--help"}), ExitedWithCode(0), "");
  EXPECT_EXIT(run_and_exit({"--answer"}), ExitedWithCode(42), "");
}

TEST_F(ServiceMainTest, RefusesAWrongCommandLine) {
  EXPECT_EXIT(run_and_exit({"--confg", "x"}), ExitedWithCode(109), "--confg");
  EXPECT_EXIT(run_and_exit({"--drain-timeout", "10"}), ExitedWithCode(1), "not a duration");
}

}  // namespace
}  // namespace kernspan
