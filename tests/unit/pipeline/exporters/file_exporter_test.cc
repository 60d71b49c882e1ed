#include "pipeline/exporters/file/file_exporter.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <zstd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "pipeline/exporters/file/rotated_files.h"
#include "pipeline/otlp/json_reader.h"
#include "tests/unit/pipeline/component_stage.h"
#include "tests/unit/pipeline/fake_clock.h"
#include "tests/unit/pipeline/otlp/reference_metrics.h"
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

// How large files of this process may become: a write that would go beyond is cut, and the next one
// fails, as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(FileExporterTest, GoesOnInTheMiddleOfALineOnceThereIsRoom) {
  start(settings());
  EXPECT_TRUE(send(otlp::reference_bytes(20)));
  EXPECT_TRUE(send(otlp::reference_bytes(20)));
  {
    const FileSizeLimit full(1000);
    EXPECT_FALSE(exporter_->flush());
    EXPECT_FALSE(exporter_->flush());
  }
  EXPECT_EQ(std::filesystem::file_size(file()), 1000U);
  EXPECT_EQ(stage_.books.balance().held, 40U);
  EXPECT_TRUE(exporter_->flush());
  EXPECT_EQ(spans_in_file(), 40U);
  EXPECT_EQ(lines_in_file(), 2U);
  EXPECT_EQ(balance().passed_on, 40U);
  stop();
}

TEST_F(FileExporterTest, LeavesOutMalformedSpansAndCountsThem) {
  std::string bytes = otlp::reference_bytes(3);
  // The name of the first span turns into an `attributes` field that is no KeyValue.
  bytes[bytes.find("\x2A\x09GET /cart")] = '\x4A';
  start(settings());
  EXPECT_TRUE(exporter_->consume(otlp::Batch::from_encoder(bytes, 3)));
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
  EXPECT_EQ(problem("{path: x, format: proto, compression: zstd, rotation: {max_megabytes: 1}}"),
            "accepted");
  EXPECT_THAT(problem("{path: x, append: true, rotation: {}}"), HasSubstr("exclude each other"));
  EXPECT_THAT(problem("{path: x, compression: gzip}"), HasSubstr("compression"));
  EXPECT_THAT(problem("{path: a/x, group_by: {enabled: true}}"),
              HasSubstr("must contain exactly one *"));
  EXPECT_THAT(problem("{path: '*/x', group_by: {enabled: true}}"),
              HasSubstr("must not start with *"));
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST_F(FileExporterTest, ProtoHasItsLengthInFront) {
  FileExporterSettings proto = settings();
  proto.format = FileFormat::kProto;
  start(proto);
  const std::string request = otlp::reference_bytes(5);
  EXPECT_TRUE(send(request));
  EXPECT_TRUE(send(request));
  stop();
  ASSERT_GT(request.size(), 255U) << "two bytes of the length count";
  std::string record = {'\0', '\0', static_cast<char>(request.size() >> 8),
                        static_cast<char>(request.size())};
  record += request;
  EXPECT_EQ(content_of(file()), record + record);
  EXPECT_EQ(balance().passed_on, 10U);
}

TEST_F(FileExporterTest, ZstdFramesComeBack) {
  FileExporterSettings zstd = settings();
  zstd.format = FileFormat::kProto;
  zstd.zstd = true;
  start(zstd);
  const std::string request = otlp::reference_bytes(50);
  EXPECT_TRUE(send(request));
  stop();
  const std::string content = content_of(file());
  ASSERT_GT(content.size(), 4U);
  std::string out(2 * request.size(), '\0');
  const std::size_t size =
      ZSTD_decompress(out.data(), out.size(), content.data() + 4, content.size() - 4);
  ASSERT_FALSE(ZSTD_isError(size));
  EXPECT_EQ(out.substr(0, size), request);
}

TEST_F(FileExporterTest, MetricsAreLinesToo) {
  stage_.signals = kTracesAndMetrics;
  start(settings());
  auto metrics =
      otlp::Batch::from_wire(otlp::reference_metrics().SerializeAsString(), otlp::Signal::kMetrics);
  EXPECT_TRUE(exporter_->consume(*std::move(metrics)));
  stop();
  EXPECT_THAT(content_of(file()), HasSubstr("{\"resourceMetrics\":[{"));
  EXPECT_EQ(stage_.metric("otelcol_exporter_sent_metric_points", {{"exporter", "file"}}), 5);
  EXPECT_EQ(balance().passed_on, 5U);
}

class RotatedFilesTest : public FileExporterTest {
 protected:
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
      names.push_back(entry.path().filename());
    }
    std::ranges::sort(names);
    return names;
  }

  FakeClock clock_;
};

TEST_F(RotatedFilesTest, OldFilesAreNamedByTheirTimeAndBounded) {
  FileExporterSettings rotating = settings();
  rotating.rotation = FileRotationSettings{.max_bytes = 1000, .max_backups = 2};
  ComponentStage stage("file", &clock_);
  FileExporter exporter(stage.context(), rotating);
  ASSERT_TRUE(exporter.start());
  std::ofstream(directory_ / "traces-of-mine.jsonl") << "not one of ours";
  std::vector<std::size_t> sizes;
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(exporter.consume(*otlp::Batch::from_wire(otlp::reference_bytes(5))));
    EXPECT_TRUE(exporter.flush());
    clock_.advance(1500ms);
  }
  EXPECT_THAT(names(), ::testing::ElementsAre("traces-2023-11-14T22-13-24.500.jsonl",
                                              "traces-2023-11-14T22-13-26.000.jsonl",
                                              "traces-of-mine.jsonl", "traces.jsonl"));
  EXPECT_EQ(spans_in_file(), 5U);
  EXPECT_EQ(stage.books.balance().passed_on, 25U);
  exporter.stop(std::chrono::steady_clock::now());
}

TEST_F(RotatedFilesTest, TheAgeOfOldFilesIsBounded) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  constexpr std::uint64_t kNow = 1'700'000'000 * kSecond;
  for (const std::uint64_t days : {1, 3}) {
    std::ofstream(backup_name(file(), kNow - days * 24 * 3600 * kSecond, false)) << "x";
  }
  EXPECT_TRUE(remove_old_backups(file(), {.max_days = 2}, kNow));
  EXPECT_THAT(names(), ::testing::ElementsAre("traces-2023-11-13T22-13-20.000.jsonl"));
}

TEST_F(RotatedFilesTest, AFileOfTheSameTimeIsNotOverwritten) {
  for (const char* text : {"one", "two"}) {
    std::ofstream(file()) << text;
    EXPECT_TRUE(put_aside(file(), 1'700'000'000'000'000'000, false));
  }
  EXPECT_EQ(content_of(directory_ / "traces-2023-11-14T22-13-20.000.jsonl"), "one");
  EXPECT_EQ(content_of(directory_ / "traces-2023-11-14T22-13-20.001.jsonl"), "two");
}

TEST_F(FileExporterTest, GroupsGoToFilesOfTheirOwn) {
  FileExporterSettings grouped = settings();
  grouped.path = directory_ / "by" / "*.jsonl";
  grouped.group_by = FileGroupSettings{.resource_attribute = "service.name", .max_open_files = 2};
  start(grouped);
  // Several resources in one batch; a third and a fourth file, so that others are closed.
  EXPECT_TRUE(send(otlp::reference_bytes(1, "a") + otlp::reference_bytes(2, "b") +
                   otlp::reference_bytes(3, "../../../c") + otlp::reference_bytes(4, "")));
  EXPECT_TRUE(send(otlp::reference_bytes(5, "a")));
  stop();
  const auto spans = [&](const char* name) {
    std::ifstream in(directory_ / "by" / name);
    const auto read = otlp::read_json_lines(in);
    return read ? read->size() : 0;
  };
  EXPECT_EQ(spans("a.jsonl"), 6U);
  EXPECT_EQ(spans("b.jsonl"), 2U);
  EXPECT_EQ(spans("c.jsonl"), 3U) << "what the data says does not lead out of the directory";
  EXPECT_EQ(spans("MISSING.jsonl"), 4U);
  EXPECT_EQ(balance().passed_on, 15U);
}

TEST_F(FileExporterTest, AGroupThatCannotHaveAFileIsACountedDrop) {
  FileExporterSettings grouped = settings();
  grouped.path = directory_ / "*.jsonl";
  grouped.group_by = FileGroupSettings{.resource_attribute = "service.name"};
  start(grouped);
  EXPECT_TRUE(
      send(otlp::reference_bytes(1, "a") + otlp::reference_bytes(2, std::string(500, 'x'))));
  stop();
  EXPECT_EQ(stage_.books.dropped("unwritable").value(), 2U);
  EXPECT_EQ(balance().passed_on, 1U);
}

}  // namespace
}  // namespace kernspan
