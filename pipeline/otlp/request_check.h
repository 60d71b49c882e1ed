#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "pipeline/base/error.h"
#include "pipeline/otlp/batch.h"
#include "pipeline/otlp/signal.h"

namespace kernspan::otlp {

// Messages in messages: protobuf's own readers stop at 100 as well.
inline constexpr int kMaxMessageDepth = 100;

// An item of no bytes costs two on the wire and an index entry of 72 in memory. A span's ids alone
// are 28 bytes; small test requests may do without.
inline constexpr std::size_t kManyItems = 1 << 16;
inline constexpr std::size_t kMinItemBytes = 16;

class SpanFindings;

// Checks an encoded export request throughout, attributes and their values included, and counts its
// items. Fails, permanently, when it is not well-formed: a truncated field, a field number 0, a
// group, a known field of another wire type, an id of a wrong length, messages nested more than
// kMaxMessageDepth deep; or when its items are so many and so small that they cannot be real.
// `findings`, when there are any, are of its spans.
Result<std::size_t> check_request(std::string_view bytes, Signal signal,
                                  SpanFindings* findings = nullptr);

// The same for a request that came in pieces, cut anywhere: they stay where they are, but for the
// fields that lie across a cut, which are copied. The slices are a batch's (Batch::from_slices).
struct CheckedPieces {
  std::vector<Slice> slices;
  std::size_t items = 0;
};
Result<CheckedPieces> check_pieces(std::span<const Slice> pieces, Signal signal,
                                   SpanFindings* findings = nullptr);

}  // namespace kernspan::otlp
