#include "pipeline/extensions/file_storage/queue_record.h"

#include <xxhash.h>

#include <bit>
#include <cstring>

namespace kernspan::storage {
namespace {

// LMDB's own files are not portable across byte orders either.
static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kChecksumBytes = 8;
constexpr char kFormat = 1;

std::uint64_t checksum(const RecordKey& key, std::string_view bytes) {
  const auto key_bytes = key.encode();
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(),
                              XXH3_64bits(key_bytes.data(), key_bytes.size()));
}

}  // namespace

std::array<char, kRecordKeyBytes> RecordKey::encode() const {
  std::array<char, kRecordKeyBytes> bytes;
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(id >> (56 - 8 * i));
  for (std::size_t i = 0; i < 4; ++i) bytes[8 + i] = static_cast<char>(items >> (24 - 8 * i));
  return bytes;
}

std::optional<RecordKey> RecordKey::decode(std::string_view bytes) {
  if (bytes.size() != kRecordKeyBytes) return std::nullopt;
  RecordKey key;
  for (std::size_t i = 0; i < 8; ++i) key.id = key.id << 8 | static_cast<unsigned char>(bytes[i]);
  for (std::size_t i = 8; i < 12; ++i) {
    key.items = key.items << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return key;
}

void write_record(const RecordKey& key, const otlp::Batch& batch, std::span<char> value) {
  char* out = value.data() + kChecksumBytes;
  *out++ = kFormat;
  *out++ = static_cast<char>(batch.signal());
  std::memset(out, 0, 6);
  out += 6;
  for (const std::string_view slice : batch.slices()) {
    if (slice.empty()) continue;
    std::memcpy(out, slice.data(), slice.size());
    out += slice.size();
  }
  const std::uint64_t sum =
      checksum(key, {value.data() + kChecksumBytes, value.size() - kChecksumBytes});
  std::memcpy(value.data(), &sum, sizeof sum);
}

std::optional<CheckedRecord> check_record(const RecordKey& key, std::string_view value) {
  if (value.size() < kRecordHeaderBytes || value[kChecksumBytes] != kFormat) return std::nullopt;
  const auto signal = static_cast<otlp::Signal>(value[kChecksumBytes + 1]);
  if (signal != otlp::Signal::kTraces && signal != otlp::Signal::kMetrics) return std::nullopt;
  std::uint64_t sum = 0;
  std::memcpy(&sum, value.data(), sizeof sum);
  if (sum != checksum(key, value.substr(kChecksumBytes))) return std::nullopt;
  return CheckedRecord{signal, value.substr(kRecordHeaderBytes)};
}

}  // namespace kernspan::storage
