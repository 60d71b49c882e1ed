// What a peer sends, in pieces of any size: what is understood is the same once it was written again.
// The first byte is the size of the pieces.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

#include "gateway/replicas/peer_message.h"
#include "tests/fuzz/input.h"

namespace {

using namespace kernspan::replicas;

void check_hand_off(PeerBytes bytes) {
  const auto came = decode_hand_off(std::move(bytes));
  if (!came) return;
  const auto again = decode_hand_off(encode(*came));
  if (!again || again->sequence != came->sequence || again->hand_off.hops != came->hand_off.hops ||
      again->hand_off.ages != came->hand_off.ages ||
      again->hand_off.decided != came->hand_off.decided ||
      again->hand_off.spans.joined().view() != came->hand_off.spans.joined().view()) {
    std::abort();
  }
}

void check_hello(const PeerBytes& bytes) {
  const auto came = decode_hello(bytes);
  if (!came) return;
  if (decode_hello({kernspan::otlp::Slice(encode(*came))}) != *came) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  kernspan::FuzzInput input({reinterpret_cast<const char*>(data), size});
  const std::size_t step = 1 + std::size_t{input.take_byte()};
  const std::string message(input.take(size));
  PeerBytes pieces;
  for (std::size_t i = 0; i < message.size(); i += step) {
    pieces.emplace_back(message.substr(i, step));
  }
  check_hello(pieces);
  (void)decode_answer(message);
  check_hand_off(std::move(pieces));
  return 0;
}
