#include "agent/protocol/http2/hpack_decoder.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>

#include "agent/protocol/http2/frame.h"

namespace kernspan::http2 {
namespace {

constexpr std::uint32_t kStaticEntries = 61;     // RFC 7541 appendix A
constexpr std::size_t kFieldOverheadBytes = 32;  // RFC 9113 section 6.5.2
constexpr std::size_t kFieldsKeptMax = 64;
constexpr std::size_t kRewrittenKeptBytesMax = 1024;
// No field on the wire has this name (RFC 9113 section 8.2.1); one that has is reported as unknown.
constexpr std::string_view kUnknownName("\0", 1);
// The same as a literal of its own: without and with indexing.
constexpr std::string_view kUnknownLiteral("\x00\x01\x00", 3);
constexpr std::string_view kUnknownLiteralIndexed("\x40\x01\x00", 3);

std::string_view text_of(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

// A dynamic table size update (RFC 7541 section 6.3).
struct SizeUpdate {
  explicit SizeUpdate(std::uint32_t size) {
    if (size < 31) {
      add(0x20 | size);
      return;
    }
    add(0x3f);
    for (size -= 31; size >= 0x80; size >>= 7) add((size & 0x7f) | 0x80);
    add(size);
  }
  std::string_view bytes() const { return text_of(buffer.data(), used); }

 private:
  void add(std::uint32_t byte) { buffer[used++] = static_cast<std::uint8_t>(byte); }
  std::array<std::uint8_t, 6> buffer{};
  std::size_t used = 0;
};

// One representation. False if it is not valid, or emitted otherwise than its kind demands.
bool inflate(nghttp2_hd_inflater* inflater, std::string_view bytes, bool emits, nghttp2_nv& field) {
  int flags = 0;
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  const auto consumed = nghttp2_hd_inflate_hd2(inflater, &field, &flags, data, bytes.size(), 0);
  return consumed >= 0 && static_cast<std::size_t>(consumed) == bytes.size() &&
         ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) == emits;
}

}  // namespace

void HpackDecoder::InflaterDelete::operator()(nghttp2_hd_inflater* inflater) const {
  nghttp2_hd_inflate_del(inflater);
}

HpackDecoder::HpackDecoder(const DirectionLimits& limits)
    : limits_(limits), allowed_table_bytes_(kHeaderTableBytesInitial) {}

HpackDecoder::~HpackDecoder() = default;

void HpackDecoder::start() {
  stale_ = true;
  too_small_ = false;
  limit_known_ = limits_.table_bytes_max >= kHeaderTableBytesInitial;
  complete_ = limit_known_;
}

void HpackDecoder::forget() {
  stale_ = true;
  limit_known_ = false;
  complete_ = false;
}

void HpackDecoder::allow_table(std::uint32_t bytes) {
  allowed_table_bytes_ = std::max(allowed_table_bytes_, bytes);
}

HpackDecoder::Result HpackDecoder::decode(std::string_view bytes, bool whole, HeaderBlock& block) {
  texts_.clear();
  fields_.clear();
  if (fields_.capacity() > kFieldsKeptMax) fields_ = {};
  if (rewritten_.capacity() > kRewrittenKeptBytesMax) rewritten_ = {};
  list_bytes_ = 0;
  over_limit_ = false;
  has_unknown_ = false;
  const Result result = prepare() ? decode_fields(bytes, whole) : Result::kInvalid;
  if (result == Result::kInvalid) {
    // nghttp2's decoder refuses to go on after an error.
    inflater_.reset();
    forget();
    block = {.fields = {}, .incomplete = true, .has_unknown = false};
    return result;
  }
  nghttp2_hd_inflate_end_headers(inflater_.get());
  if (!whole) forget();
  block = {.fields = fields_, .incomplete = !whole || over_limit_, .has_unknown = has_unknown_};
  return result;
}

HpackDecoder::Result HpackDecoder::decode_fields(std::string_view bytes, bool whole) {
  bool updates_allowed = true;
  while (!bytes.empty()) {
    Representation representation;
    switch (outline(bytes, representation)) {
      case OutlineResult::kComplete:
        break;
      case OutlineResult::kTruncated:
        if (whole) return Result::kInvalid;
        return over_limit_ ? Result::kOverLimit : Result::kDecoded;
      case OutlineResult::kInvalid:
        return Result::kInvalid;
    }
    const bool is_update = representation.kind == RepresentationKind::kTableSizeUpdate;
    // RFC 7541 section 4.2: at the beginning of a block only.
    if (is_update && !updates_allowed) return Result::kInvalid;
    updates_allowed = is_update;
    if (!take(representation, bytes.substr(0, representation.bytes))) return Result::kInvalid;
    bytes.remove_prefix(representation.bytes);
  }
  return over_limit_ ? Result::kOverLimit : Result::kDecoded;
}

bool HpackDecoder::take(const Representation& representation, std::string_view bytes) {
  switch (representation.kind) {
    case RepresentationKind::kIndexed:
      return take_indexed(representation.index);
    case RepresentationKind::kLiteralIndexed:
    case RepresentationKind::kLiteral:
      return take_literal(representation, bytes);
    case RepresentationKind::kTableSizeUpdate:
      return take_size_update(representation.index);
  }
  return false;
}

bool HpackDecoder::take_indexed(std::uint32_t index) {
  if (index == 0) return false;
  const nghttp2_nv* entry = nghttp2_hd_inflate_get_table_entry(inflater_.get(), index);
  if (entry == nullptr) {
    if (!take_beyond()) return false;
    add_unknown_field();
    return true;
  }
  const bool is_static = index <= kStaticEntries;
  add_field(text_of(entry->name, entry->namelen), is_static, text_of(entry->value, entry->valuelen),
            is_static);
  return true;
}

bool HpackDecoder::take_literal(const Representation& representation, std::string_view bytes) {
  const std::uint32_t index = representation.index;
  if (index == 0 || nghttp2_hd_inflate_get_table_entry(inflater_.get(), index) != nullptr) {
    return inflate_literal(bytes, index != 0 && index <= kStaticEntries);
  }
  if (!take_beyond()) return false;
  rewritten_ = representation.kind == RepresentationKind::kLiteralIndexed ? kUnknownLiteralIndexed
                                                                          : kUnknownLiteral;
  rewritten_ += bytes.substr(representation.value_at);
  return inflate_literal(rewritten_, false);
}

bool HpackDecoder::inflate_literal(std::string_view bytes, bool name_is_static) {
  const std::size_t entries = nghttp2_hd_inflate_get_num_table_entries(inflater_.get());
  nghttp2_nv field{};
  if (!inflate(inflater_.get(), bytes, true, field)) return false;
  const bool enters = (static_cast<unsigned char>(bytes[0]) & 0x40) != 0;
  if (enters && nghttp2_hd_inflate_get_num_table_entries(inflater_.get()) <= entries) {
    has_evicted_ = true;
    // The encoder's entries are at least as large: what is older than these is gone there too.
    if (limit_known_) complete_ = true;
  }
  add_field(text_of(field.name, field.namelen), name_is_static,
            text_of(field.value, field.valuelen), false);
  return true;
}

bool HpackDecoder::take_size_update(std::uint32_t bytes) {
  const bool within_limit = bytes <= limits_.table_bytes_max;
  const auto kept =
      static_cast<std::uint32_t>(std::min<std::size_t>(bytes, limits_.table_bytes_max));
  const std::size_t entries = nghttp2_hd_inflate_get_num_table_entries(inflater_.get());
  if (!resize_table(kept)) return false;
  const bool evicts = nghttp2_hd_inflate_get_num_table_entries(inflater_.get()) < entries;
  allow_table(kept);
  // Beyond the limit the encoder holds more than is held here.
  limit_known_ = within_limit;
  complete_ = within_limit && (complete_ || evicts || bytes == 0);
  too_small_ = false;
  has_evicted_ = false;
  return true;
}

// An index beyond the entries held. False if there can be none.
bool HpackDecoder::take_beyond() {
  if (complete_) return false;
  // Entries were evicted here that the encoder still has.
  if (has_evicted_ && !limit_known_) too_small_ = true;
  return true;
}

void HpackDecoder::add_field(std::string_view name, bool name_is_static, std::string_view value,
                             bool value_is_static) {
  if (!fits(name.size() + value.size())) return;
  Field& field = fields_.emplace_back();
  if (name == kUnknownName) {
    has_unknown_ = true;
  } else {
    field.name = name_is_static ? name : texts_.add(name);
  }
  field.value = value_is_static ? value : texts_.add(value);
}

void HpackDecoder::add_unknown_field() {
  has_unknown_ = true;
  if (fits(0)) fields_.emplace_back();
}

bool HpackDecoder::fits(std::size_t bytes) {
  list_bytes_ += bytes + kFieldOverheadBytes;
  if (list_bytes_ > limits_.header_list_bytes_max) over_limit_ = true;
  return !over_limit_;
}

// False if there is no memory.
bool HpackDecoder::prepare() {
  if (inflater_ == nullptr) {
    nghttp2_hd_inflater* inflater = nullptr;
    if (nghttp2_hd_inflate_new(&inflater) != 0) return false;
    inflater_.reset(inflater);
    // nghttp2 takes this for the setting that bounds size updates; the encoder's own table is
    // checked by its decoder.
    nghttp2_hd_inflate_change_table_size(inflater, limits_.table_bytes_max);
    stale_ = true;
  }
  if (stale_) {
    stale_ = false;
    has_evicted_ = false;
    return resize_table(0) && resize_table(assumed_table_bytes());
  }
  if (too_small_) return resize_table(assumed_table_bytes());
  return true;
}

bool HpackDecoder::resize_table(std::uint32_t bytes) {
  nghttp2_nv none{};
  return inflate(inflater_.get(), SizeUpdate(bytes).bytes(), false, none);
}

// Where the encoder has not said what it uses: what SETTINGS allow as far as they were seen, and
// the most that is held as soon as it has shown that it uses more.
std::uint32_t HpackDecoder::assumed_table_bytes() const {
  const std::size_t wanted = complete_    ? kHeaderTableBytesInitial
                             : too_small_ ? limits_.table_bytes_max
                                          : allowed_table_bytes_;
  return static_cast<std::uint32_t>(std::min(wanted, limits_.table_bytes_max));
}

}  // namespace kernspan::http2
