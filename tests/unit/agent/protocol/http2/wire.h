// HTTP/2 frames as bytes, for tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/protocol/http2/frame.h"

namespace kernspan::http2 {

inline std::string big_endian(std::uint64_t number, int bytes) {
  std::string out;
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
    out += static_cast<char>(number >> shift & 0xff);
  }
  return out;
}

inline std::string frame_bytes(FrameType type, unsigned flags, std::uint32_t stream,
                               std::string_view payload) {
  std::string out = big_endian(payload.size(), 3) + big_endian(static_cast<std::uint8_t>(type), 1) +
                    big_endian(flags, 1) + big_endian(stream, 4);
  out += payload;
  return out;
}

// The block as one HEADERS frame, or as HEADERS and CONTINUATIONs of so many bytes each.
inline std::string headers_frames(std::uint32_t stream, std::string_view block,
                                  std::size_t fragment_bytes = SIZE_MAX, unsigned flags = 0) {
  std::string out;
  FrameType type = FrameType::kHeaders;
  do {
    const std::string_view fragment = block.substr(0, fragment_bytes);
    block.remove_prefix(fragment.size());
    out += frame_bytes(type, flags | (block.empty() ? kFlagEndHeaders : 0U), stream, fragment);
    type = FrameType::kContinuation;
    flags = 0;
  } while (!block.empty());
  return out;
}

// A string literal of HPACK without Huffman coding, shorter than 127 bytes.
inline std::string hpack_string(std::string_view text) {
  return std::string(1, static_cast<char>(text.size())) + std::string(text);
}
// Literal fields: entering the table, and not.
inline std::string insert(std::string_view name, std::string_view value) {
  return "\x40" + hpack_string(name) + hpack_string(value);
}
inline std::string literal(std::string_view name, std::string_view value) {
  return std::string(1, '\0') + hpack_string(name) + hpack_string(value);
}
// The field at the index, below 127.
inline std::string indexed(int index) {
  return std::string(1, static_cast<char>(0x80 | index));
}
// A literal that enters the table, with the name at the index, below 63.
inline std::string insert_named(int index, std::string_view value) {
  return std::string(1, static_cast<char>(0x40 | index)) + hpack_string(value);
}
inline std::string size_update(unsigned bytes) {
  if (bytes < 31) return std::string(1, static_cast<char>(0x20 | bytes));
  std::string out = "\x3f";
  for (bytes -= 31; bytes >= 0x80; bytes >>= 7) out += static_cast<char>((bytes & 0x7f) | 0x80);
  return out + static_cast<char>(bytes);
}

}  // namespace kernspan::http2
