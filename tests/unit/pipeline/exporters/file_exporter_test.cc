#include "pipeline/exporters/file/file_exporter.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <thread>

#include "pipeline/otlp/json_reader.h"
#include "tests/unit/pipeline/component_stage.h"
#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class FileExporterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::path(::testing::TempDir()) /
                 fmt::format("kernspan-file-{}", std::random_device{}());
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string file() const { return directory_ / "traces.jsonl"; }
  FileExporterSettings settings() const { return {.path = file(), .flush_interval = 1h}; }

  void start(const FileExporterSettings& settings) {
    exporter_ = std::make_unique<FileExporter>(stage_.context(), settings);
    const Status started = exporter_->start();
    ASSERT_TRUE(started) << started.error().message;
  }
  Status send(std::string request) {
    return exporter_->consume(*otlp::Batch::from_wire(std::move(request)));
  }
  void stop() { exporter_->stop(std::chrono::steady_clock::now() + kPatience); }

  std::size_t spans_in_file() const {
    std::ifstream in(file());
    const auto spans = otlp::read_json_lines(in);
    EXPECT_TRUE(spans) << spans.error().message;
    return spans ? spans->size() : 0;
  }
  std::size_t lines_in_file() const {
    std::ifstream in(file());
    std::size_t lines = 0;
    for (std::string line; std::getline(in, line);) ++lines;
    return lines;
  }
  StageBalance balance() const {
    const StageBalance balance = stage_.books.balance();
    EXPECT_TRUE(balance.balances()) << balance.difference();
    return balance;
  }

  std::filesystem::path directory_;
  ComponentStage stage_{"file"};
  std::unique_ptr<FileExporter> exporter_;
};

TEST_F(FileExporterTest, OneObjectPerLineAndBatch) {
  start(settings());
  EXPECT_TRUE(send(otlp::reference_bytes(3)));
  EXPECT_TRUE(send(otlp::reference_bytes(4)));
  EXPECT_EQ(stage_.books.balance().held, 7U);
  EXPECT_TRUE(exporter_->flush());
  EXPECT_EQ(lines_in_file(), 2U);
  EXPECT_EQ(spans_in_file(), 7U);
  EXPECT_EQ(balance().passed_on, 7U);
  stop();
}

TEST_F(FileExporterTest, TheIntervalFlushes) {
  FileExporterSettings fast = settings();
  fast.flush_interval = 1ms;
  start(fast);
  EXPECT_TRUE(send(otlp::reference_bytes(3)));
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (stage_.books.balance().held != 0 && std::chrono::steady_clock::now() < end) {
    std::this_thread::yield();
  }
  EXPECT_EQ(spans_in_file(), 3U);
}

TEST_F(FileExporterTest, StopWritesTheRest) {
  start(settings());
  EXPECT_TRUE(send(otlp::reference_bytes(3)));
  stop();
  EXPECT_EQ(spans_in_file(), 3U);
  EXPECT_FALSE(send(otlp::reference_bytes(3))) << "nothing is taken after stop()";
  stop();
  EXPECT_EQ(balance().held, 0U);
}

TEST_F(FileExporterTest, TruncatesOrAppends) {
  for (const std::size_t expected : {3U, 3U}) {
    start(settings());
    EXPECT_TRUE(send(otlp::reference_bytes(3)));
    stop();
    EXPECT_EQ(spans_in_file(), expected);
  }
  FileExporterSettings append = settings();
  append.append = true;
  start(append);
  EXPECT_TRUE(send(otlp::reference_bytes(3)));
  stop();
  EXPECT_EQ(spans_in_file(), 6U);
}

TEST_F(FileExporterTest, OnlyTheOwnerMayRead) {
  start(settings());
  struct stat status{};
  ASSERT_EQ(::stat(file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(FileExporterTest, SaysWhatToDoAboutAMissingDirectory) {
  FileExporterSettings missing = settings();
  missing.path = directory_ / "no/where/traces.jsonl";
  FileExporter exporter(stage_.context(), missing);
  const Status started = exporter.start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message,
              HasSubstr("No such file or directory; create the directory " +
                        (directory_ / "no/where").string() + ", or set create_directory: true"));

  missing.create_directory = true;
  FileExporter creating(stage_.context(), missing);
  EXPECT_TRUE(creating.start());
}

TEST_F(FileExporterTest, KeepsWhatADiskThatIsFullDoesNotTake) {
  FileExporterSettings full = settings();
  full.path = "/dev/full";
  start(full);
  EXPECT_TRUE(send(otlp::reference_bytes(3)));
  EXPECT_FALSE(exporter_->flush());
  EXPECT_EQ(stage_.books.balance().held, 3U);
  EXPECT_GE(stage_.metric("kernspan_exporter_write_errors", {{"exporter", "file"}}), 1);

  // Up to the bound; then it refuses, for now.
  Status last;
  for (int i = 0; i < 100 && last; ++i) last = send(otlp::reference_bytes(5000));
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().kind, ErrorKind::kRetryable);
  EXPECT_THAT(last.error().message, HasSubstr("No space left on device"));
  const std::uint64_t held = stage_.books.balance().held;
  stop();
  EXPECT_EQ(stage_.books.dropped("shutdown").value(), held);
  EXPECT_EQ(balance().held, 0U);
}

TEST_F(FileExporterTest, LeavesOutMalformedSpansAndCountsThem) {
  std::string bytes = otlp::reference_bytes(3);
  // The name of the first span turns into an `attributes` field that is no KeyValue.
  bytes[bytes.find("\x2A\x09GET /cart")] = '\x4A';
  start(settings());
  EXPECT_TRUE(send(bytes));
  stop();
  EXPECT_EQ(spans_in_file(), 2U);
  EXPECT_EQ(stage_.books.dropped("malformed").value(), 1U);
  EXPECT_EQ(balance().passed_on, 2U);
}

TEST_F(FileExporterTest, SettingsSayWhatIsWrong) {
  const auto problem = [&](const std::string& yaml) {
    const auto made = file_exporter_factory().create(ComponentStage::yaml(yaml), stage_.context());
    return made ? "accepted" : made.error().message;
  };
  EXPECT_EQ(problem("{path: x.jsonl, format: json, append: true, flush_interval: 2s}"), "accepted");
  EXPECT_FALSE(std::filesystem::exists("x.jsonl")) << "create() opens nothing";
  EXPECT_THAT(problem("{}"), HasSubstr("path: is required"));
  EXPECT_THAT(problem("{path: x, format: proto}"), HasSubstr("proto is not supported yet"));
  EXPECT_THAT(problem("{path: x, rotation: {max_megabytes: 1}}"),
              HasSubstr("rotation: is not supported yet"));
}

}  // namespace
}  // namespace kernspan
