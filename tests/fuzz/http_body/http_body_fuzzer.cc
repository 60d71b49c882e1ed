// Compressed bodies of requests: nothing gets beyond the bound. The first byte chooses the encoding.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "pipeline/receivers/http/body_decoder.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMaxBytes = 1 << 16;
  kernspan::FuzzInput input({reinterpret_cast<const char*>(data), size});
  const auto encoding = static_cast<kernspan::ContentEncoding>(input.take_byte() % 5);
  const auto decoded = kernspan::decode_body(encoding, std::string(input.take(size)), kMaxBytes);
  if (decoded && decoded->size() > kMaxBytes) std::abort();
  return 0;
}
