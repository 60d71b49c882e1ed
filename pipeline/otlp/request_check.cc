#include "pipeline/otlp/request_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "pipeline/otlp/gather_list.h"
#include "pipeline/otlp/message_check.h"

namespace kernspan::otlp {
namespace {

MessageName request_of(Signal signal) {
  return signal == Signal::kTraces ? MessageName::kTraceRequest : MessageName::kMetricsRequest;
}

Result<std::size_t> verdict(const MessageCheck& check, bool is_well_formed, std::size_t bytes,
                            Signal signal) {
  if (!is_well_formed) {
    return permanent(fmt::format(
        "malformed {}: {}",
        signal == Signal::kTraces ? "ExportTraceServiceRequest" : "ExportMetricsServiceRequest",
        check.reason()));
  }
  const std::size_t items = check.items();
  if (items > kManyItems && bytes / kMinItemBytes < items) {
    return permanent(
        fmt::format("{} {} in {} bytes: they cannot be real", items, items_of(signal), bytes));
  }
  return items;
}

// Whether the content of such a message may go on in the next slice of a batch.
bool is_upper_level(MessageName name) {
  switch (name) {
    case MessageName::kResourceSpans:
    case MessageName::kScopeSpans:
    case MessageName::kResourceMetrics:
    case MessageName::kScopeMetrics:
      return true;
    default:
      return false;
  }
}

// Walks pieces that were cut anywhere. What lies whole in a piece is checked and stays there; a
// field that does not is copied into one piece.
class PieceCheck {
 public:
  PieceCheck(std::span<const Slice> pieces, SpanFindings* findings)
      : pieces_(pieces), check_(findings) {}

  bool level(MessageName name, std::size_t size, int depth);

  const MessageCheck& check() const { return check_; }
  std::vector<Slice> take() { return list_.take(); }

 private:
  // Tag and length, or tag and number.
  static constexpr std::size_t kMaxHeader = 16;

  struct Header {
    std::uint32_t number = 0;
    WireType type = WireType::kVarint;
    std::size_t size = 0;     // of tag and length
    std::uint64_t whole = 0;  // of the field
  };

  WireError read_header(std::size_t size, Header& header);
  static WireError parse_header(const char* begin, const char* end, Header& header);
  bool next_piece();
  std::size_t left() const { return cursor_.size(); }
  // The next bytes in one piece, and behind them; they are there.
  std::string_view take_whole(std::size_t size);

  std::span<const Slice> pieces_;  // the current one first
  std::string_view cursor_;        // what is left of it
  bool is_open_ = false;
  std::string joined_;
  SliceArena arena_;
  GatherList list_{arena_};
  MessageCheck check_;
};

bool PieceCheck::next_piece() {
  while (cursor_.empty()) {
    if (is_open_) pieces_ = pieces_.subspan(1);
    is_open_ = !pieces_.empty();
    if (!is_open_) return false;
    cursor_ = pieces_.front().view();
  }
  return true;
}

WireError PieceCheck::parse_header(const char* begin, const char* end, Header& header) {
  const char* cursor = begin;
  std::uint8_t type = 0;
  WireError error = read_tag(cursor, end, header.number, type);
  if (error != WireError::kNone) return error;
  header.type = static_cast<WireType>(type);
  std::uint64_t value = 0;
  switch (header.type) {
    case WireType::kBytes:
      error = read_varint<5>(cursor, end, value);
      header.size = static_cast<std::size_t>(cursor - begin);
      header.whole = header.size + value;
      return error;
    case WireType::kVarint:
      error = read_varint(cursor, end, value);
      header.whole = static_cast<std::size_t>(cursor - begin);
      return error;
    case WireType::kFixed64:
    case WireType::kFixed32:
      header.whole =
          static_cast<std::size_t>(cursor - begin) + (header.type == WireType::kFixed64 ? 8 : 4);
      return WireError::kNone;
  }
  return WireError::kWireType;
}

// Of the field at the cursor, in a message with `size` bytes left.
WireError PieceCheck::read_header(std::size_t size, Header& header) {
  const std::size_t wanted = std::min(size, kMaxHeader);
  if (left() >= wanted) {
    return parse_header(cursor_.data(), cursor_.data() + wanted, header);
  }
  std::array<char, kMaxHeader> bytes{};
  std::size_t copied = 0;
  std::string_view piece = cursor_;
  for (std::size_t next = 1; copied < wanted; ++next) {
    const std::size_t count = std::min(piece.size(), wanted - copied);
    if (count != 0) std::memcpy(bytes.data() + copied, piece.data(), count);
    copied += count;
    if (next >= pieces_.size()) break;
    piece = pieces_[next].view();
  }
  return parse_header(bytes.data(), bytes.data() + copied, header);
}

std::string_view PieceCheck::take_whole(std::size_t size) {
  if (left() >= size) {
    const std::string_view whole = cursor_.substr(0, size);
    cursor_.remove_prefix(size);
    list_.append(pieces_.front(), whole);
    return whole;
  }
  joined_.clear();
  while (joined_.size() < size && next_piece()) {
    const std::size_t count = std::min(size - joined_.size(), left());
    joined_ += cursor_.substr(0, count);
    cursor_.remove_prefix(count);
  }
  list_.append_copy(joined_);
  return joined_;
}

bool PieceCheck::level(MessageName name, std::size_t size, int depth) {
  static constexpr FieldRule kUnknownField;
  const MessageRule& rules = rule_of(name);
  while (size != 0) {
    if (!next_piece()) return check_.refuse(to_text(WireError::kTruncated));
    Header header;
    if (const WireError error = read_header(size, header); error != WireError::kNone) {
      return check_.refuse(to_text(error));
    }
    const FieldRule& rule = header.number <= kMaxKnownField ? rules[header.number] : kUnknownField;
    if (header.whole > size) return check_.refuse(rule, WireError::kTruncated);
    size -= header.whole;
    if (header.type == WireType::kBytes && is_upper_level(rule.message)) {
      take_whole(header.size);
      if (!level(rule.message, header.whole - header.size, depth + 1)) return false;
      continue;
    }
    const std::string_view whole = take_whole(header.whole);
    if (!check_.message(name, whole.data(), whole.data() + whole.size(), depth)) return false;
  }
  return true;
}

}  // namespace

Result<std::size_t> check_request(std::string_view bytes, Signal signal, SpanFindings* findings) {
  MessageCheck check(findings);
  const bool is_well_formed =
      check.message(request_of(signal), bytes.data(), bytes.data() + bytes.size(), 0);
  return verdict(check, is_well_formed, bytes.size(), signal);
}

Result<CheckedPieces> check_pieces(std::span<const Slice> pieces, Signal signal,
                                   SpanFindings* findings) {
  std::size_t size = 0;
  for (const Slice& piece : pieces) size += piece.size();
  PieceCheck check(pieces, findings);
  const bool is_well_formed = check.level(request_of(signal), size, 0);
  Result<std::size_t> items = verdict(check.check(), is_well_formed, size, signal);
  if (!items) return std::unexpected(std::move(items.error()));
  return CheckedPieces{.slices = check.take(), .items = *items};
}

}  // namespace kernspan::otlp
