#include "agent/probes/event_decoder.h"

#include <algorithm>
#include <cstddef>
#include <type_traits>

namespace kernspan::probes {
namespace {

// What the views rely on: plain structures, which begin with the header, and are not moved by
// padding.
template <typename T>
constexpr bool kIsEvent = std::is_trivially_copyable_v<T> && std::is_standard_layout_v<T> &&
                          alignof(T) == 8 && sizeof(T) % 8 == 0 && offsetof(T, header) == 0;
static_assert(kIsEvent<ks_transfer_event> && kIsEvent<ks_connect_event> &&
              kIsEvent<ks_close_event> && kIsEvent<ks_exec_event> && kIsEvent<ks_fork_event> &&
              kIsEvent<ks_exit_event> && kIsEvent<ks_grpc_call_event> &&
              kIsEvent<ks_cgroup_event> && kIsEvent<ks_shed_event>);

using Decoded = std::expected<Event, Malformed>;

constexpr unsigned kKnownFlags = KS_HEAD_START | KS_HEAD_END | KS_HEAD_CUT | KS_MORE_PIECES |
                                 KS_MIDSTREAM | KS_EOF | KS_STREAM_START | KS_HTTP2 |
                                 KS_SHED_STEP_MAX << KS_SHED_STEP_SHIFT;
// What is said about heads of HTTP/1 has no meaning beside KS_HTTP2.
constexpr unsigned kHeadFlags = KS_HEAD_START | KS_HEAD_END | KS_HEAD_CUT;

std::string_view text(const ks_u8* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

// Where the captured bytes are items: these come in units of 8 bytes, and without any there is no
// record, but at the end. What is in them is for http2::DirectionReader to check.
bool can_be_items(std::size_t captured, bool is_eof) {
  return captured % 8 == 0 && (captured == 0) == is_eof;
}

bool can_be_piece(const ks_transfer_event& event, std::size_t captured) {
  return event.piece_offset <= event.transfer_bytes &&
         captured <= event.transfer_bytes - event.piece_offset;
}

Decoded decode_transfer(const ks_transfer_event& event, std::string_view record) {
  const std::size_t captured = record.size() - sizeof event;
  const bool is_eof = (event.flags & KS_EOF) != 0;
  const bool is_http2 = (event.flags & KS_HTTP2) != 0;
  if (event.captured_bytes != captured || captured > KS_CAPTURE_BYTES_MAX ||
      !(is_http2 ? can_be_items(captured, is_eof) : can_be_piece(event, captured))) {
    return std::unexpected(Malformed::kCapturedBytes);
  }
  if (event.tail_bytes > KS_TAIL_BYTES_MAX || event.tail_bytes > event.transfer_bytes ||
      (is_http2 && event.tail_bytes != 0)) {
    return std::unexpected(Malformed::kTail);
  }
  if (event.direction != KS_SEND && event.direction != KS_RECV) {
    return std::unexpected(Malformed::kDirection);
  }
  if ((event.flags & ~kKnownFlags) != 0 || is_eof != (event.transfer_bytes == 0) ||
      (is_eof && event.direction != KS_RECV) || (is_eof && (event.flags & KS_MORE_PIECES) != 0) ||
      (is_http2 && (event.flags & kHeadFlags) != 0)) {
    return std::unexpected(Malformed::kFlags);
  }
  return TransferView{&event, record.substr(sizeof event), text(event.tail, event.tail_bytes)};
}

Decoded decode_exec(const ks_exec_event& event) {
  if (event.args_bytes > KS_ARGS_BYTES_MAX) return std::unexpected(Malformed::kArgs);
  const ks_u8* end = std::find(std::begin(event.comm), std::end(event.comm), ks_u8{0});
  return ExecView{&event, text(event.comm, static_cast<std::size_t>(end - event.comm)),
                  text(event.args, event.args_bytes)};
}

// Reads the record as the structure of its kind and hands it to `decode`. After a structure of
// fixed size nothing may follow.
template <typename T, bool kIsFixed = true, typename Decode>
Decoded decode_as(std::string_view record, Decode decode) {
  if (record.size() < sizeof(T)) return std::unexpected(Malformed::kShort);
  if (kIsFixed && record.size() != sizeof(T)) return std::unexpected(Malformed::kSize);
  return decode(*reinterpret_cast<const T*>(record.data()));
}

Decoded decode_close(const ks_close_event& event) {
  if (event.stage != KS_CLOSE_WRITE && event.stage != KS_CLOSE_FINAL) {
    return std::unexpected(Malformed::kStage);
  }
  return CloseView{&event};
}

Decoded decode_grpc_call(const ks_grpc_call_event& event) {
  constexpr ks_u32 kStreamBits = 31;
  if (event.method_bytes > KS_GRPC_METHOD_BYTES_MAX) return std::unexpected(Malformed::kMethod);
  if (event.role != KS_GRPC_CLIENT && event.role != KS_GRPC_SERVER) {
    return std::unexpected(Malformed::kRole);
  }
  if (event.stream % 2 == 0 || event.stream >> kStreamBits != 0) {
    return std::unexpected(Malformed::kStream);
  }
  return GrpcCallView{&event, text(event.method, event.method_bytes)};
}

Decoded decode_cgroup(const ks_cgroup_event& event) {
  const ks_u8* end = std::find(std::begin(event.path), std::end(event.path), ks_u8{0});
  return CgroupView{&event, text(event.path, static_cast<std::size_t>(end - event.path)),
                    end == std::end(event.path)};
}

}  // namespace

std::string_view malformed_name(Malformed reason) {
  switch (reason) {
    case Malformed::kMisaligned:
      return "misaligned";
    case Malformed::kShort:
      return "short";
    case Malformed::kSize:
      return "size";
    case Malformed::kUnknownKind:
      return "unknown_kind";
    case Malformed::kCapturedBytes:
      return "captured_bytes";
    case Malformed::kTail:
      return "tail";
    case Malformed::kDirection:
      return "direction";
    case Malformed::kFlags:
      return "flags";
    case Malformed::kStage:
      return "stage";
    case Malformed::kArgs:
      return "args";
    case Malformed::kMethod:
      return "method";
    case Malformed::kRole:
      return "role";
    case Malformed::kStream:
      return "stream";
  }
  return "unknown";
}

std::expected<Event, Malformed> decode_event(std::string_view record) {
  if (reinterpret_cast<std::uintptr_t>(record.data()) % alignof(ks_event_header) != 0) {
    return std::unexpected(Malformed::kMisaligned);
  }
  if (record.size() < sizeof(ks_event_header)) return std::unexpected(Malformed::kShort);
  const auto& header = *reinterpret_cast<const ks_event_header*>(record.data());
  if (header.size != record.size()) return std::unexpected(Malformed::kSize);
  switch (header.kind) {
    case KS_EVENT_TRANSFER:
      return decode_as<ks_transfer_event, false>(
          record, [&](const auto& event) { return decode_transfer(event, record); });
    case KS_EVENT_CONNECT:
      return decode_as<ks_connect_event>(
          record, [](const auto& event) -> Decoded { return ConnectView{&event}; });
    case KS_EVENT_CLOSE:
      return decode_as<ks_close_event>(record, decode_close);
    case KS_EVENT_EXEC:
      return decode_as<ks_exec_event>(record, decode_exec);
    case KS_EVENT_FORK:
      return decode_as<ks_fork_event>(
          record, [](const auto& event) -> Decoded { return ForkView{&event}; });
    case KS_EVENT_EXIT:
      return decode_as<ks_exit_event>(
          record, [](const auto& event) -> Decoded { return ExitView{&event}; });
    case KS_EVENT_SHED:
      return decode_as<ks_shed_event>(
          record, [](const auto& event) -> Decoded { return ShedView{&event}; });
    case KS_EVENT_GRPC_CALL:
      return decode_as<ks_grpc_call_event>(record, decode_grpc_call);
    case KS_EVENT_CGROUP:
      return decode_as<ks_cgroup_event>(record, decode_cgroup);
    default:
      return std::unexpected(Malformed::kUnknownKind);
  }
}

}  // namespace kernspan::probes
