#include "agent/protocol/http2/hpack_representation.h"

namespace kernspan::http2 {
namespace {

// An integer with a prefix of `prefix_bits` (RFC 7541 section 5.1), at `at`, which moves behind it.
OutlineResult read_integer(std::string_view block, unsigned prefix_bits, std::size_t& at,
                           std::uint32_t& value) {
  if (at >= block.size()) return OutlineResult::kTruncated;
  const std::uint32_t prefix_max = (1U << prefix_bits) - 1;
  std::uint64_t sum = static_cast<unsigned char>(block[at++]) & prefix_max;
  if (sum == prefix_max) {
    for (unsigned shift = 0;; shift += 7) {
      if (at >= block.size()) return OutlineResult::kTruncated;
      if (shift > 28) return OutlineResult::kInvalid;
      const auto byte = static_cast<unsigned char>(block[at++]);
      sum += static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (sum > UINT32_MAX) return OutlineResult::kInvalid;
      if ((byte & 0x80) == 0) break;
    }
  }
  value = static_cast<std::uint32_t>(sum);
  return OutlineResult::kComplete;
}

OutlineResult skip_string(std::string_view block, std::size_t& at) {
  std::uint32_t length = 0;
  if (const OutlineResult result = read_integer(block, 7, at, length);
      result != OutlineResult::kComplete) {
    return result;
  }
  if (length > block.size() - at) return OutlineResult::kTruncated;
  at += length;
  return OutlineResult::kComplete;
}

OutlineResult skip_literal(std::string_view block, std::size_t& at,
                           Representation& representation) {
  if (representation.index == 0) {
    if (const OutlineResult result = skip_string(block, at); result != OutlineResult::kComplete) {
      return result;
    }
  }
  representation.value_at = at;
  return skip_string(block, at);
}

}  // namespace

OutlineResult outline(std::string_view block, Representation& representation) {
  if (block.empty()) return OutlineResult::kTruncated;
  const auto first = static_cast<unsigned char>(block[0]);
  unsigned prefix_bits = 4;
  if ((first & 0x80) != 0) {
    representation.kind = RepresentationKind::kIndexed;
    prefix_bits = 7;
  } else if ((first & 0x40) != 0) {
    representation.kind = RepresentationKind::kLiteralIndexed;
    prefix_bits = 6;
  } else if ((first & 0x20) != 0) {
    representation.kind = RepresentationKind::kTableSizeUpdate;
    prefix_bits = 5;
  } else {
    representation.kind = RepresentationKind::kLiteral;
  }
  std::size_t at = 0;
  OutlineResult result = read_integer(block, prefix_bits, at, representation.index);
  if (result == OutlineResult::kComplete &&
      (representation.kind == RepresentationKind::kLiteral ||
       representation.kind == RepresentationKind::kLiteralIndexed)) {
    result = skip_literal(block, at, representation);
  }
  representation.bytes = at;
  return result;
}

}  // namespace kernspan::http2
