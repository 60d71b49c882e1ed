#include "agent/probes/recording.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace kernspan::probes {
namespace {

struct Collector final : RecordSink {
  void on_record(std::string_view record) override {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(record.data()) % 8, 0u);
    records.emplace_back(record);
  }
  std::vector<std::string> records;
};

class RecordingTest : public testing::Test {
 protected:
  RecordingTest() : path_(testing::TempDir() + "recording_test." + std::to_string(getpid())) {}
  ~RecordingTest() override { std::remove(path_.c_str()); }

  void record(const std::vector<std::string>& records, Recorder::Settings settings = {}) {
    Passing passing;
    auto recorder = Recorder::create(path_, passing, settings);
    ASSERT_TRUE(recorder.has_value());
    for (const std::string& record : records) (*recorder)->on_record(record);
    EXPECT_EQ(passing.records, records.size());
    unrecorded_ = (*recorder)->unrecorded();
  }

  std::string contents() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void overwrite(const std::string& contents) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << contents;
  }

  struct Passing final : RecordSink {
    void on_record(std::string_view) override { ++records; }
    std::size_t records = 0;
  };

  std::string path_;
  std::uint64_t unrecorded_ = 0;
};

const std::vector<std::string> kRecords = {"first", std::string(100, 'x'), "",
                                           std::string(8, '\0')};

TEST_F(RecordingTest, ComesBackAsItWas) {
  record(kRecords);
  auto replay = Replay::open(path_, 3);
  ASSERT_TRUE(replay.has_value()) << replay.error().message;
  Collector collector;
  EXPECT_EQ((*replay)->drain(collector), 3u);
  EXPECT_FALSE((*replay)->is_done());
  EXPECT_EQ((*replay)->drain(collector), 1u);
  EXPECT_EQ((*replay)->drain(collector), 0u);
  EXPECT_TRUE((*replay)->is_done());
  EXPECT_FALSE((*replay)->is_cut());
  EXPECT_EQ(collector.records, kRecords);
}

TEST_F(RecordingTest, ACutFileGivesTheWholeRecords) {
  record(kRecords);
  for (std::size_t size = contents().size() - 1; size >= 16; --size) {
    std::filesystem::resize_file(path_, size);
    auto replay = Replay::open(path_);
    ASSERT_TRUE(replay.has_value()) << size;
    Collector collector;
    (*replay)->drain(collector);
    ASSERT_LT(collector.records.size(), kRecords.size());
    for (std::size_t i = 0; i < collector.records.size(); ++i) {
      ASSERT_EQ(collector.records[i], kRecords[i]);
    }
  }
}

TEST_F(RecordingTest, OtherFilesAreRefused) {
  record(kRecords);
  const std::string whole = contents();
  const auto error_of = [&](const std::string& contents) {
    overwrite(contents);
    auto replay = Replay::open(path_);
    return replay.has_value() ? std::string() : replay.error().message;
  };
  EXPECT_NE(error_of(""), "");
  EXPECT_NE(error_of(whole.substr(0, 15)), "");
  std::string changed = whole;
  changed[0] = 'X';
  EXPECT_NE(error_of(changed).find("not a recording"), std::string::npos);
  changed = whole;
  changed[8] = 77;
  EXPECT_NE(error_of(changed).find("version 77"), std::string::npos);
  changed = whole;
  changed[18] = 127;  // a record of 8 MiB
  EXPECT_NE(error_of(changed).find("damaged at byte 16"), std::string::npos);
  std::remove(path_.c_str());
  EXPECT_FALSE(Replay::open(path_).has_value());
}

TEST_F(RecordingTest, WhatDoesNotFitIsCountedAndPassedOn) {
  record(kRecords, {.file_bytes_max = 100});
  EXPECT_EQ(unrecorded_, 1u);
  record({std::string(kRecordedBytesMax + 1, 'x'), "small"});
  EXPECT_EQ(unrecorded_, 1u);
  auto replay = Replay::open(path_);
  Collector collector;
  (*replay)->drain(collector);
  EXPECT_EQ(collector.records, std::vector<std::string>{"small"});
}

TEST_F(RecordingTest, AFullDiskIsCounted) {
  Passing passing;
  auto recorder = Recorder::create("/dev/full", passing);
  ASSERT_TRUE(recorder.has_value());
  for (int i = 0; i < 1000; ++i) (*recorder)->on_record(std::string(1000, 'x'));
  EXPECT_EQ(passing.records, 1000u);
  EXPECT_GT((*recorder)->unrecorded(), 900u);
}

}  // namespace
}  // namespace kernspan::probes
