// Files of raw records: what the kernel sent, to be replayed without a kernel.
//
//   file    = header record*
//   header  = "KSPANREC", u32 format version, u32 reserved (0)
//   record  = u32 bytes, u32 reserved (0), the record, zeros up to the next multiple of 8
//
// Little endian. So records are aligned in a mapped file. The version changes with the ABI of
// bpf/abi/events.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/probes/event_source.h"
#include "pipeline/base/error.h"

namespace kernspan::probes {

inline constexpr std::string_view kRecordingMagic = "KSPANREC";
inline constexpr std::uint32_t kRecordingVersion = 2;
// Larger than any record of the ABI.
inline constexpr std::size_t kRecordedBytesMax = 1 << 16;

// Writes what passes through it. One thread.
class Recorder final : public RecordSink {
 public:
  struct Settings {
    std::uint64_t file_bytes_max = 1ULL << 30;  // what comes later is passed on only, and counted
  };

  // `next` is borrowed for the recorder's life. Replaces an existing file.
  static Result<std::unique_ptr<Recorder>> create(const std::string& path, RecordSink& next,
                                                  Settings settings);
  static Result<std::unique_ptr<Recorder>> create(const std::string& path, RecordSink& next) {
    return create(path, next, Settings{});
  }

  void on_record(std::string_view record) override;

  // Records that are not in the file: it is full, or the disk is.
  std::uint64_t unrecorded() const { return unrecorded_; }

 private:
  Recorder(std::ofstream file, RecordSink& next, Settings settings);

  std::ofstream file_;
  RecordSink& next_;
  const Settings settings_;
  std::uint64_t file_bytes_;
  std::uint64_t unrecorded_ = 0;
};

// Plays a file once, `records_per_drain` at a time; then drains are empty. One thread.
class Replay final : public EventSource {
 public:
  // Reads the whole file. Fails if it is not a recording of this version. A last record that is cut
  // (the recording agent was killed) ends it, and is_cut() says so; any other damage is an error.
  static Result<std::unique_ptr<Replay>> open(const std::string& path,
                                              std::size_t records_per_drain = 1024);

  std::size_t drain(RecordSink& sink) override;
  void detach() override {}
  KernelCounters counters() override { return {}; }
  void ignore_process(std::uint32_t) override {}
  void forget_process(std::uint32_t) override {}

  bool is_done() const { return next_ == records_.size(); }
  bool is_cut() const { return is_cut_; }

 private:
  struct Place {
    std::size_t offset;
    std::size_t bytes;
  };

  Replay() = default;

  std::vector<std::uint64_t> words_;  // the file, aligned
  std::vector<Place> records_;
  std::size_t next_ = 0;
  std::size_t records_per_drain_ = 0;
  bool is_cut_ = false;
};

}  // namespace kernspan::probes
