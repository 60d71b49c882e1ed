// Frames of HTTP/2 as they stand on the wire. Spec: RFC 9113 sections 4.1, 6 and 7.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace kernspan::http2 {

enum class FrameType : std::uint8_t {
  kData = 0x0,
  kHeaders = 0x1,
  kPriority = 0x2,
  kRstStream = 0x3,
  kSettings = 0x4,
  kPushPromise = 0x5,
  kPing = 0x6,
  kGoaway = 0x7,
  kWindowUpdate = 0x8,
  kContinuation = 0x9,
};

inline constexpr std::uint8_t kFlagEndStream = 0x1;  // HEADERS, DATA
inline constexpr std::uint8_t kFlagAck = 0x1;        // SETTINGS, PING
inline constexpr std::uint8_t kFlagEndHeaders = 0x4;
inline constexpr std::uint8_t kFlagPadded = 0x8;
inline constexpr std::uint8_t kFlagPriority = 0x20;

inline constexpr std::size_t kFrameHeaderBytes = 9;
inline constexpr std::uint32_t kStreamMask = 0x7fffffff;  // the highest bit is reserved
inline constexpr std::uint16_t kSettingHeaderTableSize = 0x1;
inline constexpr std::size_t kSettingBytes = 6;
inline constexpr std::uint32_t kHeaderTableBytesInitial = 4096;

// Big-endian numbers; the bytes must be there.
inline std::uint32_t read_u8(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}
inline std::uint32_t read_u16(std::string_view bytes, std::size_t at) {
  return read_u8(bytes, at) << 8 | read_u8(bytes, at + 1);
}
inline std::uint32_t read_u32(std::string_view bytes, std::size_t at) {
  return read_u16(bytes, at) << 16 | read_u16(bytes, at + 2);
}

struct FrameHeader {
  std::uint32_t length = 0;  // of the payload, 24 bits
  FrameType type = FrameType::kData;
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;

  bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
};

// `bytes`: at least kFrameHeaderBytes.
inline FrameHeader read_frame_header(std::string_view bytes) {
  return {.length = read_u8(bytes, 0) << 16 | read_u16(bytes, 1),
          .type = static_cast<FrameType>(read_u8(bytes, 3)),
          .flags = static_cast<std::uint8_t>(read_u8(bytes, 4)),
          .stream = read_u32(bytes, 5) & kStreamMask};
}

// The name that RFC 9113 section 7 gives to the code of
// RST_STREAM or GOAWAY, e.g. "CANCEL"; empty if it gives none.
constexpr std::string_view error_code_name(std::uint32_t code) {
  constexpr std::string_view kNames[] = {
      "NO_ERROR",
      "PROTOCOL_ERROR",
      "INTERNAL_ERROR",
      "FLOW_CONTROL_ERROR",
      "SETTINGS_TIMEOUT",
      "STREAM_CLOSED",
      "FRAME_SIZE_ERROR",
      "REFUSED_STREAM",
      "CANCEL",
      "COMPRESSION_ERROR",
      "CONNECT_ERROR",
      "ENHANCE_YOUR_CALM",
      "INADEQUATE_SECURITY",
      "HTTP_1_1_REQUIRED",
  };
  return code < std::size(kNames) ? kNames[code] : std::string_view();
}

}  // namespace kernspan::http2
