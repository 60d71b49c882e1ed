// One direction of an HTTP/2 connection, from the kernel side's items (bpf/abi/http2_items.h) to
// header fields and stream events. Spec: RFC 9113, RFC 7541.
//
// The reader trusts no item: what breaks the rules of the protocol loses the place (on_lost), and
// the next KS_HTTP2_JOINED or KS_HTTP2_START, or a gap between records, finds it again. Header compression is a state that every
// block changes. After a loss, and on connections that were joined in the middle, only what does
// not depend on unseen blocks is decoded; the rest is reported as unknown, never guessed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "bpf/abi/http2_items.h"

namespace kernspan::http2 {

// A header field; borrowed until the callback returns. nullopt: it stands in a part of the dynamic
// table that was not seen.
struct Field {
  std::optional<std::string_view> name;
  std::optional<std::string_view> value;
};

struct HeaderBlock {
  std::span<const Field> fields;  // in the order of the wire
  // Something of the block is missing: it was cut, or over a limit. A block without any field that
  // could not be decoded at all is reported as incomplete too.
  bool incomplete = false;
  // At least one field has an unknown name or value.
  bool has_unknown = false;
};

// What happens on the streams of one direction. Offsets count from the first byte of the transfer
// that is being fed, and are negative before it; `offset` is that of the first byte of the frame
// (HEADERS), of the message's prefix, or of the DATA frame.
class DirectionSink {
 public:
  virtual ~DirectionSink() = default;

  // A whole header block (HEADERS with its CONTINUATIONs): request, response, 1xx or trailers.
  virtual void on_headers(std::uint32_t stream, std::int32_t offset, const HeaderBlock& block,
                          bool end_stream) = 0;
  virtual void on_message(const ks_http2_message& message, std::int32_t offset) = 0;
  virtual void on_data(const ks_http2_data& data, std::int32_t offset) = 0;
  virtual void on_reset(std::uint32_t stream, std::uint32_t error_code) = 0;
  virtual void on_goaway(std::uint32_t last_stream, std::uint32_t error_code) = 0;
  // SETTINGS_HEADER_TABLE_SIZE: bounds the table that the *other* direction's encoder may use.
  virtual void on_header_table_size(std::uint32_t bytes) = 0;
  // Frames may have been missed: whatever is open may have gone on or ended unseen. Also the first
  // call where a connection is joined in the middle. A header block in progress is not reported.
  virtual void on_lost() = 0;
};

struct DirectionLimits {
  // Of one header block as it is on the wire, CONTINUATIONs included.
  std::size_t block_bytes_max = 64 * 1024;
  // Of its decoded fields, 32 bytes added to each (RFC 9113 section 6.5.2).
  std::size_t header_list_bytes_max = 128 * 1024;
  // Of the dynamic table, whatever SETTINGS allow.
  std::size_t table_bytes_max = 64 * 1024;
};

struct DirectionCounters {
  std::uint64_t blocks = 0;
  std::uint64_t blocks_with_unknown = 0;  // decoded, but some field depends on unseen blocks
  std::uint64_t blocks_cut = 0;           // the kernel side did not send all of it
  std::uint64_t blocks_over_limit = 0;
  std::uint64_t compression_errors = 0;  // the block is not valid HPACK
  std::uint64_t protocol_errors = 0;     // the frames break the rules
  std::uint64_t malformed_items = 0;
  std::uint64_t lost = 0;  // calls of on_lost
};

// Not thread-safe. Some hundred bytes before the first header block, then some thousand, and what the
// dynamic table holds.
class DirectionReader {
 public:
  explicit DirectionReader(DirectionLimits limits = {});
  ~DirectionReader();
  DirectionReader(const DirectionReader&) = delete;
  DirectionReader& operator=(const DirectionReader&) = delete;

  // The captured bytes of one record with KS_HTTP2. `ordinal` as in the record.
  void feed(std::uint32_t ordinal, std::string_view items, DirectionSink& sink);

  // The other direction has sent SETTINGS_HEADER_TABLE_SIZE. The table changes when the encoder says
  // so in a block; this tells what it may hold where that was not seen.
  void limit_header_table(std::uint32_t bytes);

  const DirectionCounters& counters() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kernspan::http2
