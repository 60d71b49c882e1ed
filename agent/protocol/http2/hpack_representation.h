// The outline of a header block: where each representation begins and ends, and which entry it
// names. Spec: RFC 7541 sections 5 and 6. Nothing is decoded here but integers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kernspan::http2 {

enum class RepresentationKind : std::uint8_t {
  kIndexed,          // a field of the table
  kLiteralIndexed,   // a literal that enters the table
  kLiteral,          // a literal that does not
  kTableSizeUpdate,  // `index` is the size
};

struct Representation {
  RepresentationKind kind = RepresentationKind::kIndexed;
  std::uint32_t index = 0;   // of the field or of the name; 0: the name is a literal
  std::size_t bytes = 0;     // all of it
  std::size_t value_at = 0;  // literals: where the value begins (its length's first byte)
};

enum class OutlineResult : std::uint8_t {
  kComplete,
  kTruncated,  // the bytes end within the representation
  kInvalid,    // an integer beyond 32 bits
};

// The representation that `block` begins with.
OutlineResult outline(std::string_view block, Representation& representation);

}  // namespace kernspan::http2
