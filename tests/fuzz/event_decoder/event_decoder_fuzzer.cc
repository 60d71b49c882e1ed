// Any bytes as a record: the decoder says what is wrong, or gives views that lie within the record.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "agent/probes/event_decoder.h"

namespace {

using namespace kernspan::probes;

void require(bool condition) {
  if (!condition) std::abort();
}

// Touches every byte, so that the sanitizers see a view that leaves the record.
unsigned sum(std::string_view bytes) {
  unsigned total = 0;
  for (const char c : bytes) total += static_cast<unsigned char>(c);
  return total;
}

void decode(const std::uint8_t* data, std::size_t size) {
  // Exactly sized, so that reading one byte too many is seen; aligned as ring records are.
  const std::size_t words = (size + 7) / 8;
  std::vector<std::uint64_t> memory(words);
  char* begin = reinterpret_cast<char*>(memory.data());
  if (size != 0) std::memcpy(begin, data, size);
  const std::string_view record(begin, size);
  const auto event = decode_event(record);
  if (!event) {
    require(!malformed_name(event.error()).empty());
    return;
  }
  volatile unsigned total = 0;
  std::visit(
      [&](const auto& view) {
        require(reinterpret_cast<const char*>(view.event) == begin);
        require(view.event->header.size == size);
        total = total + sum({begin, sizeof *view.event});
        using View = std::decay_t<decltype(view)>;
        if constexpr (std::is_same_v<View, TransferView>) {
          require(view.bytes.data() + view.bytes.size() == begin + size);
          total = total + sum(view.bytes) + sum(view.tail);
          const ks_transfer_event& transfer = *view.event;
          if ((transfer.flags & KS_HTTP2) != 0) {
            require(view.bytes.size() % 8 == 0 && view.tail.empty());
            require(view.bytes.empty() == ((transfer.flags & KS_EOF) != 0));
          } else {
            require(view.bytes.size() <= transfer.transfer_bytes);
          }
        } else if constexpr (std::is_same_v<View, ExecView>) {
          total = total + sum(view.comm) + sum(view.args);
        } else if constexpr (std::is_same_v<View, GrpcCallView>) {
          require(view.method.size() <= sizeof view.event->method);
          require(view.event->stream % 2 == 1);
          total = total + sum(view.method);
        }
      },
      *event);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  decode(data, size);
  // Most inputs end at the header's size: give the rest a chance.
  if (size >= sizeof(ks_event_header)) {
    std::vector<std::uint8_t> sized(data, data + size);
    const auto bytes = static_cast<std::uint32_t>(size);
    std::memcpy(sized.data() + offsetof(ks_event_header, size), &bytes, sizeof bytes);
    sized[offsetof(ks_event_header, kind) + 1] = 0;
    sized[offsetof(ks_event_header, kind) + 2] = 0;
    sized[offsetof(ks_event_header, kind) + 3] = 0;
    decode(sized.data(), sized.size());
    if (size >= sizeof(ks_transfer_event)) {
      const auto captured = static_cast<std::uint32_t>(size - sizeof(ks_transfer_event));
      std::memcpy(sized.data() + offsetof(ks_transfer_event, captured_bytes), &captured,
                  sizeof captured);
      decode(sized.data(), sized.size());
      const auto flags = static_cast<std::uint16_t>(
          KS_HTTP2 | (sized[offsetof(ks_transfer_event, flags)] & (KS_MORE_PIECES | KS_MIDSTREAM)));
      std::memcpy(sized.data() + offsetof(ks_transfer_event, flags), &flags, sizeof flags);
      decode(sized.data(), sized.size());
    }
    // Records of one size only: from whatever bytes there are.
    sized.resize(sizeof(ks_grpc_call_event));
    const std::uint32_t kind_and_size[] = {KS_EVENT_GRPC_CALL, sizeof(ks_grpc_call_event)};
    std::memcpy(sized.data() + offsetof(ks_event_header, kind), kind_and_size,
                sizeof kind_and_size);
    decode(sized.data(), sized.size());
  }
  return 0;
}
