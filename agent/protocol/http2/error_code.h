// The error codes of RST_STREAM and GOAWAY that mean something to more than a reader. Spec: RFC 9113
// section 7. Their names: frame.h.
#pragma once

#include <cstdint>

namespace kernspan::http2 {

inline constexpr std::uint32_t kNoError = 0x0;
inline constexpr std::uint32_t kRefusedStream = 0x7;
inline constexpr std::uint32_t kCancel = 0x8;
inline constexpr std::uint32_t kEnhanceYourCalm = 0xb;
inline constexpr std::uint32_t kInadequateSecurity = 0xc;

}  // namespace kernspan::http2
