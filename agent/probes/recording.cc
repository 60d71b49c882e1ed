#include "agent/probes/recording.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace kernspan::probes {
namespace {

static_assert(std::endian::native == std::endian::little);

struct FileHeader {
  char magic[8];
  std::uint32_t version;
  std::uint32_t reserved;
};
struct RecordHeader {
  std::uint32_t bytes;
  std::uint32_t reserved;
};
static_assert(sizeof(FileHeader) == 16 && sizeof(RecordHeader) == 8);

constexpr std::uint64_t kFileBytesMax = 4ULL << 30;

constexpr std::size_t padded(std::size_t bytes) {
  return (bytes + 7) / 8 * 8;
}

template <typename T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

void append(std::ofstream& file, std::string_view bytes) {
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace

Recorder::Recorder(std::ofstream file, RecordSink& next, Settings settings)
    : file_(std::move(file)), next_(next), settings_(settings), file_bytes_(sizeof(FileHeader)) {}

Result<std::unique_ptr<Recorder>> Recorder::create(const std::string& path, RecordSink& next,
                                                   Settings settings) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  FileHeader header{};
  kRecordingMagic.copy(header.magic, sizeof header.magic);
  header.version = kRecordingVersion;
  append(file, bytes_of(header));
  if (!file) {
    return permanent(fmt::format("cannot write the recording {}: {}", path, std::strerror(errno)));
  }
  return std::unique_ptr<Recorder>(new Recorder(std::move(file), next, settings));
}

void Recorder::on_record(std::string_view record) {
  static constexpr char kZeros[8] = {};
  const std::size_t stored = padded(record.size());
  const std::size_t bytes = sizeof(RecordHeader) + stored;
  // After a failed write the file's end is unknown: nothing more goes in.
  if (!file_ || record.size() > kRecordedBytesMax ||
      file_bytes_ + bytes > settings_.file_bytes_max) {
    ++unrecorded_;
  } else {
    append(file_, bytes_of(RecordHeader{.bytes = static_cast<std::uint32_t>(record.size()),
                                        .reserved = 0}));
    append(file_, record);
    append(file_, {kZeros, stored - record.size()});
    file_bytes_ += bytes;
    if (!file_) ++unrecorded_;
  }
  next_.on_record(record);
}

Result<std::unique_ptr<Replay>> Replay::open(const std::string& path,
                                             std::size_t records_per_drain) {
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(path, error);
  if (error)
    return permanent(fmt::format("cannot read the recording {}: {}", path, error.message()));
  if (size > kFileBytesMax) return permanent(fmt::format("the recording {} is too large", path));

  std::unique_ptr<Replay> replay(new Replay);
  replay->records_per_drain_ = std::max<std::size_t>(records_per_drain, 1);
  replay->words_.resize(padded(size) / 8);
  char* data = reinterpret_cast<char*>(replay->words_.data());
  std::ifstream file(path, std::ios::binary);
  file.read(data, static_cast<std::streamsize>(size));
  if (static_cast<std::uint64_t>(file.gcount()) != size) {
    return permanent(fmt::format("cannot read the recording {}", path));
  }

  FileHeader header{};
  if (size < sizeof header) return permanent(fmt::format("{} is not a recording of events", path));
  std::memcpy(&header, data, sizeof header);
  if (std::string_view(header.magic, sizeof header.magic) != kRecordingMagic) {
    return permanent(fmt::format("{} is not a recording of events", path));
  }
  if (header.version != kRecordingVersion) {
    return permanent(fmt::format("the recording {} has version {}; this program reads version {}",
                                 path, header.version, kRecordingVersion));
  }

  std::size_t offset = sizeof header;
  while (offset < size) {
    RecordHeader record{};
    if (size - offset < sizeof record) {
      replay->is_cut_ = true;
      break;
    }
    std::memcpy(&record, data + offset, sizeof record);
    if (record.bytes > kRecordedBytesMax || record.reserved != 0) {
      return permanent(fmt::format("the recording {} is damaged at byte {}", path, offset));
    }
    offset += sizeof record;
    if (size - offset < padded(record.bytes)) {
      replay->is_cut_ = true;
      break;
    }
    replay->records_.push_back({offset, record.bytes});
    offset += padded(record.bytes);
  }
  return replay;
}

std::size_t Replay::drain(RecordSink& sink) {
  const char* data = reinterpret_cast<const char*>(words_.data());
  const std::size_t end = std::min(records_.size(), next_ + records_per_drain_);
  const std::size_t begin = next_;
  for (; next_ < end; ++next_)
    sink.on_record({data + records_[next_].offset, records_[next_].bytes});
  return end - begin;
}

}  // namespace kernspan::probes
