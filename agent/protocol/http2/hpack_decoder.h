// Header compression (RFC 7541) of one direction, by nghttp2's decoder, also where the blocks of
// the past were not seen.
//
// An index of the dynamic table counts from its newest entry. Whatever is inserted after a gap is
// therefore certain, as long as no gap follows, and an index beyond what was inserted names
// something that was not seen: the field is reported as unknown, and decoding goes on. That holds
// whatever the sizes of the unseen entries and the encoder's limit are, because an encoder never
// names an entry that it has evicted: to keep entries longer than it does costs memory, nothing
// else. An entry whose name is unknown enters the table under kUnknownName, the shortest there is.
//
// The invariant: the entries held are the newest ones of the encoder's table, without a gap. While
// the table is `complete_` they are all of them, and an index beyond them is an error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/protocol/http2/direction_reader.h"
#include "agent/protocol/http2/hpack_representation.h"
#include "agent/protocol/http2/text_arena.h"

struct nghttp2_hd_inflater;

namespace kernspan::http2 {

class HpackDecoder {
 public:
  enum class Result : std::uint8_t {
    kDecoded,
    kOverLimit,  // the fields beyond header_list_bytes_max are missing
    kInvalid,    // not valid HPACK: no fields, and the table is unknown from here on
  };

  // Not thread-safe. Holds next to no memory before the first block.
  explicit HpackDecoder(const DirectionLimits& limits);
  ~HpackDecoder();
  HpackDecoder(const HpackDecoder&) = delete;
  HpackDecoder& operator=(const HpackDecoder&) = delete;

  // The next block is the first one of the connection.
  void start();

  // An unknown number of blocks went by unseen.
  void forget();

  // The decoder at the other end allows a table of so many bytes. What the encoder uses it says
  // itself, in the blocks (RFC 7541 section 4.2); until it does, this bounds what it may hold.
  void allow_table(std::uint32_t bytes);

  // Decodes one block. `whole`: false if its end is missing; then the table is unknown afterwards.
  // block.fields are borrowed until the next call.
  Result decode(std::string_view bytes, bool whole, HeaderBlock& block);

 private:
  struct InflaterDelete {
    void operator()(nghttp2_hd_inflater* inflater) const;
  };

  Result decode_fields(std::string_view bytes, bool whole);
  bool take(const Representation& representation, std::string_view bytes);
  bool take_indexed(std::uint32_t index);
  bool take_literal(const Representation& representation, std::string_view bytes);
  bool take_size_update(std::uint32_t bytes);
  bool inflate_literal(std::string_view bytes, bool name_is_static);
  bool take_beyond();
  void add_field(std::string_view name, bool name_is_static, std::string_view value,
                 bool value_is_static);
  void add_unknown_field();
  bool fits(std::size_t bytes);
  bool prepare();
  bool resize_table(std::uint32_t bytes);
  std::uint32_t assumed_table_bytes() const;

  const DirectionLimits& limits_;
  std::unique_ptr<nghttp2_hd_inflater, InflaterDelete> inflater_;
  std::vector<Field> fields_;
  TextArena texts_;
  std::string rewritten_;  // a literal whose name is not known, with kUnknownName
  std::size_t list_bytes_ = 0;
  std::uint32_t allowed_table_bytes_;
  // The encoder's own limit is known, and is what the table here has.
  bool limit_known_ = false;
  bool complete_ = false;
  // The table must be emptied, and set to assumed_table_bytes(), before the next block.
  bool stale_ = true;
  // An index beyond a table that had already evicted: the encoder's table is larger.
  bool too_small_ = false;
  bool has_evicted_ = false;  // since the table was last emptied
  bool over_limit_ = false;
  bool has_unknown_ = false;
};

}  // namespace kernspan::http2
