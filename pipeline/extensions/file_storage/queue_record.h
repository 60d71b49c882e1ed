// One record of a queue file: an OTLP request as it was taken.
//
//   key    id (8 bytes), number of items (4 bytes): big-endian, so that LMDB's order by bytes is
//          the order of arrival
//   value  checksum (8 bytes, little-endian): XXH3-64 of what follows, seeded with that of the key
//          format (1 byte: 1), signal (1 byte: 0 traces, 1 metrics), 6 bytes of 0
//          the request
//
// The number of items stands in the key so that a queue can be counted without reading requests.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "pipeline/otlp/batch.h"

namespace kernspan::storage {

inline constexpr std::size_t kRecordKeyBytes = 12;
inline constexpr std::size_t kRecordHeaderBytes = 16;
// LMDB makes one page run of each record, and keeps it in memory until it is committed.
inline constexpr std::size_t kMaxRequestBytes = std::size_t{256} << 20;

// Ids count from 1; a higher one was never given.
inline constexpr std::uint64_t kMaxId = ~std::uint64_t{0} >> 1;

struct RecordKey {
  std::uint64_t id = 0;
  std::uint32_t items = 0;

  std::array<char, kRecordKeyBytes> encode() const;
  // Nothing when the size is wrong.
  static std::optional<RecordKey> decode(std::string_view bytes);
};

// Fills `value`, whose size is that of header and request together.
void write_record(const RecordKey& key, const otlp::Batch& batch, std::span<char> value);

struct CheckedRecord {
  otlp::Signal signal;
  std::string_view request;  // within the value
};

// Nothing when the record is not what write_record() wrote.
std::optional<CheckedRecord> check_record(const RecordKey& key, std::string_view value);

}  // namespace kernspan::storage
