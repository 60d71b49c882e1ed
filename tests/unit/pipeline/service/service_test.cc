#include "pipeline/service/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "pipeline/component/config_reader.h"
#include "tests/unit/pipeline/fake_clock.h"
#include "tests/unit/pipeline/http_get.h"
#include "tests/unit/pipeline/service/fake_components.h"

namespace kernspan {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr const char* kBase =
    "receivers: {fake: }\n"
    "exporters: {fake: }\n"
    "service:\n"
    "  pipelines: {traces: {receivers: [fake], exporters: [fake]}}\n"
    "  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: "
    "0}}}}]}}\n";

class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest() {
    std::string pattern = ::testing::TempDir() + "serviceXXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~ServiceTest() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& yaml) {
    const std::string path = folder_ / name;
    std::ofstream(path) << yaml;
    return path;
  }

  Status create(const std::vector<std::string>& files) {
    Result<std::unique_ptr<Service>> made = Service::create(
        files, [](std::string_view) { return std::nullopt; }, fakes_.registry(), clock_, warnings_);
    if (!made) return std::unexpected(made.error());
    service_ = *std::move(made);
    return {};
  }

  std::string error_of(const std::vector<std::string>& files) {
    const Result<ConfigNode> status = check_config(
        files, [](std::string_view) { return std::nullopt; }, fakes_.registry(), warnings_);
    return status ? "" : status.error().message;
  }

  std::filesystem::path folder_;
  FakeComponents fakes_;
  FakeClock clock_;
  ConfigWarnings warnings_;
  std::unique_ptr<Service> service_;
};

TEST_F(ServiceTest, RunsAndServesMetrics) {
  ASSERT_TRUE(create({write("a.yaml", kBase)}));
  ASSERT_TRUE(service_->start());
  ASSERT_NE(service_->metrics_port(), 0);
  clock_.advance(90s);
  const std::string answer = http_get(service_->metrics_port(), "/metrics");
  EXPECT_THAT(
      answer,
      AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("Content-Type: text/plain; version=0.0.4"),
            HasSubstr("\notelcol_process_uptime 90\n"), HasSubstr("\notelcol_process_memory_rss "),
            HasSubstr("\notelcol_process_cpu_seconds "),
            HasSubstr("kernspan_stage_taken{stage=\"exporters/fake\"")));
  service_->stop(std::chrono::steady_clock::now() + 1s);
  EXPECT_EQ(service_->metrics_port(), 0);
  EXPECT_TRUE(service_->ledger().balances_all());
  EXPECT_THAT(fakes_.events, ElementsAre("start exporters::fake", "start receivers::fake",
                                         "stop receivers::fake", "stop exporters::fake"));
}

TEST_F(ServiceTest, AnAddressThatIsTakenIsAnErrorWithItsPlace) {
  ASSERT_TRUE(create({write("a.yaml", kBase)}));
  ASSERT_TRUE(service_->start());
  const std::string port = std::to_string(service_->metrics_port());
  std::string yaml = kBase;
  yaml.replace(yaml.find("port: 0"), 7, "port: " + port);
  const std::string path = write("b.yaml", yaml);
  Result<std::unique_ptr<Service>> second = Service::create(
      {path}, [](std::string_view) { return std::nullopt; }, fakes_.registry(), clock_, warnings_);
  ASSERT_TRUE(second);
  const Status started = (*second)->start();
  ASSERT_FALSE(started);
  EXPECT_THAT(
      started.error().message,
      StartsWith(path + ":5:24: service::telemetry::metrics: cannot listen on 127.0.0.1:" + port));
}

TEST_F(ServiceTest, MergesFilesInOrder) {
  const std::string one = write("one.yaml", kBase);
  const std::string two = write("two.yaml",
                                "exporters: {fake: {refuse: permanent}, fake/2: }\n"
                                "service: {pipelines: {traces: {exporters: [fake/2, fake]}}}\n");
  const std::string empty = write("empty.yaml", "# nothing\n");
  ASSERT_TRUE(create({one, two, "file:" + empty}));
  ASSERT_TRUE(service_->start());
  EXPECT_FALSE(fakes_.emit("fake", 1));
  EXPECT_THAT(fakes_.events, Contains("spans 1 at exporters::fake/2"));
}

TEST_F(ServiceTest, NamesTheFileOfAProblemAfterMerging) {
  const std::string one = write("one.yaml", kBase);
  const std::string two = write("two.yaml", "exporters: {fake: {refsue: permanent}}\n");
  EXPECT_EQ(error_of({one, two}),
            two + ":1:20: exporters::fake: unknown key \"refsue\"; did you mean \"refuse\"?");
}

TEST_F(ServiceTest, ReportsStructureAndComponentsTogether) {
  const std::string path = write("a.yaml",
                                 "receivers:\n  fake: {fail_start: 5}\n"
                                 "exporters:\n  fake/unused: {refuse: [1]}\n"
                                 "service:\n  pipelines:\n    traces: {receivers: [fake], "
                                 "exporters: [other]}\n");
  EXPECT_EQ(error_of({path}),
            path +
                ":7:45: service::pipelines::traces: references exporter \"other\" which is not "
                "configured; add it under exporters\n" +
                path +
                ":2:22: receivers::fake::fail_start: expected true or false, found the integer "
                "5\n" +
                path + ":4:25: exporters::fake/unused::refuse: expected a string, found a list");
}

TEST_F(ServiceTest, TakesOldNamesWithoutAWord) {
  const std::string path =
      write("a.yaml",
            "receivers:\n  fake_old/x:\nexporters: {fake: }\n"
            "service: {pipelines: {traces: {receivers: [fake_old/x], exporters: "
            "[fake]}}}\n");
  EXPECT_EQ(error_of({path}), "");
  EXPECT_THAT(warnings_.messages, IsEmpty());
}

TEST_F(ServiceTest, TranslatesOrRefusesWhatTheCollectorRefuses) {
  const std::string path = write("a.yaml",
                                 "receivers: {fake: }\n"
                                 "exporters: {fake: }\n"
                                 "service:\n"
                                 "  pipelines: {traces: {receivers: [fake], exporters: [fake]}}\n"
                                 "  telemetry: {metrics: {address: 'localhost:0'}}\n");
  EXPECT_EQ(error_of({path}), "");
  EXPECT_THAT(warnings_.messages,
              ElementsAre(StartsWith(path + ":5:34: service::telemetry::metrics: has invalid keys: "
                                            "address; read as a reader")));
  warnings_ = {};
  const Result<ConfigNode> strict =
      check_config({path}, [](std::string_view) { return std::nullopt; }, fakes_.registry(),
                   warnings_, {.strict = true});
  ASSERT_FALSE(strict);
  EXPECT_THAT(strict.error().message,
              StartsWith(path + ":5:34: service::telemetry::metrics: has invalid keys: address; "
                                "write readers: "));
}

TEST_F(ServiceTest, StrictModeRefusesAPlainNumberAsAString) {
  const std::string path =
      write("a.yaml",
            "receivers: {fake: {refuse: 5}}\nexporters: {fake: }\n"
            "service: {pipelines: {traces: {receivers: [fake], exporters: [fake]}}}\n");
  EXPECT_EQ(error_of({path}), "");
  const Result<ConfigNode> strict =
      check_config({path}, [](std::string_view) { return std::nullopt; }, fakes_.registry(),
                   warnings_, {.strict = true});
  ASSERT_FALSE(strict);
  EXPECT_THAT(strict.error().message, HasSubstr("expected type 'string', found the integer 5"));
}

TEST_F(ServiceTest, CheckingStartsNothing) {
  EXPECT_EQ(error_of({write("a.yaml", kBase)}), "");
  EXPECT_THAT(fakes_.events, IsEmpty());
}

TEST_F(ServiceTest, RefusesFilesItCannotUse) {
  EXPECT_THAT(error_of({}), HasSubstr("--config FILE"));
  EXPECT_THAT(error_of({folder_ / "none.yaml"}), HasSubstr("No such file or directory"));
  EXPECT_THAT(error_of({folder_}), HasSubstr("cannot be read"));
  const std::string list = write("list.yaml", "- a\n");
  EXPECT_THAT(error_of({list}), StartsWith(list + ":1:1: expected a map"));
  EXPECT_THAT(error_of({write("big.yaml", std::string((16u << 20) + 1, '#'))}),
              HasSubstr("larger than"));
}

}  // namespace
}  // namespace kernspan
