// The walk over HTTP/2 frames with any bytes. Input: one control byte, then
//   splitting: a count, so many piece sizes, the stream behind the preface; what is said until the place
//     is first lost must not depend on the pieces
//   operating: operations, each a byte (2 bits which, 6 bits size) and the bytes that it takes, on a
//     connection that is followed from its first byte or from the middle
// That items are well-formed, and that no copy leaves its place, is checked by the walker.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/input.h"
#include "tests/unit/bpf/http2_conversation.h"
#include "tests/unit/bpf/http2_walker.h"

namespace kernspan::bpf_test {
namespace {

// More would meet the limit of steps in one transfer, which pieces do not.
constexpr std::size_t kStreamBytesMax = 4096;

std::string beginning() {
  return std::string(kPreface) + frame_header(0, KS_HTTP2_TYPE_SETTINGS, 0, 0);
}

void split(FuzzInput input) {
  std::vector<std::size_t> sizes(1 + input.take_byte() % 16);
  for (std::size_t& size : sizes) size = 1 + input.take_byte();
  const std::string_view stream = input.take(kStreamBytesMax);

  Walker whole;
  whole.feed(KS_RECV, beginning() + std::string(stream));
  Walker pieces;
  pieces.feed(KS_RECV, beginning());
  FuzzInput rest(stream);
  for (std::size_t i = 0; !rest.empty(); ++i) {
    pieces.feed(KS_RECV, rest.take(sizes[i % sizes.size()]));
  }
  const std::size_t before_loss = whole.items_before_loss(KS_RECV);
  require(pieces.items_before_loss(KS_RECV) == before_loss);
  for (std::size_t i = 0; i < before_loss; ++i) {
    require(pieces.items(KS_RECV)[i] == whole.items(KS_RECV)[i]);
  }
}

void operate(FuzzInput input, bool is_from_first) {
  Walker walker(is_from_first);
  std::size_t bytes = 0, transfers = 0;
  if (is_from_first) walker.feed(KS_SEND, beginning());
  while (!input.empty()) {
    const std::uint8_t operation = input.take_byte();
    const auto direction = static_cast<ks_direction>(operation & 1);
    const std::size_t size = operation >> 3;
    Transfer transfer{.bytes = input.take(size * size)};
    switch (operation >> 1 & 3) {
      case 0:
        break;
      case 1:
        transfer.readable = input.take_byte();
        transfer.period = input.take_byte();
        break;
      case 2:
        transfer.has_buffer = false;
        break;
      default:
        walker.miss(direction, transfer.bytes.size());
        continue;
    }
    walker.feed(direction, transfer);
    bytes += transfer.bytes.size();
    ++transfers;
  }
  // Bodies do not become items, and nothing becomes many: the most are a totals and a frame item for a
  // frame header, and a progress item for each transfer.
  const std::size_t said = walker.raw(KS_SEND).size() + walker.raw(KS_RECV).size();
  require(said <= 7 * bytes + 48 * transfers + 128);
}

}  // namespace
}  // namespace kernspan::bpf_test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kernspan::bpf_test;
  kernspan::FuzzInput input({reinterpret_cast<const char*>(data), size});
  const std::uint8_t control = input.take_byte();
  if ((control & 1) != 0) {
    split(input);
  } else {
    operate(input, (control & 2) != 0);
  }
  return 0;
}
