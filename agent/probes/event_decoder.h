// Raw records to typed views, checked before anything is believed. The kernel side is trusted to be
// right, recordings are not: nothing in a record, its size first, can make the reader leave it.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>
#include <variant>

#include "agent/probes/abi.h"

namespace kernspan::probes {

// Views point into the record and live as long as it. Records are copied where they are not
// aligned.
struct TransferView {
  const ks_transfer_event* event;
  std::string_view
      bytes;  // captured_bytes of them; with KS_HTTP2 items, whose contents nobody has checked
  std::string_view tail;
};
struct ConnectView {
  const ks_connect_event* event;
};
struct CloseView {
  const ks_close_event* event;
};
struct ExecView {
  const ks_exec_event* event;
  std::string_view comm;  // without the padding
  std::string_view args;  // NUL-separated, perhaps cut
};
struct ForkView {
  const ks_fork_event* event;
};
struct ExitView {
  const ks_exit_event* event;
};
struct ShedView {
  const ks_shed_event* event;
};
struct GrpcCallView {
  const ks_grpc_call_event* event;
  std::string_view method;  // empty: not known
};
struct CgroupView {
  const ks_cgroup_event* event;
  std::string_view path;
  bool is_cut;  // the path is longer
};
using Event = std::variant<TransferView, ConnectView, CloseView, ExecView, ForkView, ExitView,
                           GrpcCallView, CgroupView, ShedView>;

enum class Malformed : std::uint8_t {
  kMisaligned,     // does not begin at a multiple of 8
  kShort,          // smaller than a header, or than the structure of its kind
  kSize,           // the header's size is not the record's, or more than the kind has
  kUnknownKind,    // a newer kernel side, or garbage
  kCapturedBytes,  // captured_bytes contradicts the size, leaves the transfer, or cannot be items
  kTail,           // more tail than there is room for, or than the transfer has bytes
  kDirection,      // neither send nor receive
  kFlags,          // unknown or contradictory flags
  kStage,          // unknown stage of a close
  kArgs,           // more argument bytes than there is room for
  kMethod,         // more bytes of a method's path than there is room for
  kRole,           // neither client nor server
  kStream,         // no number that a client's stream can have
};
inline constexpr int kMalformedCount = static_cast<int>(Malformed::kStream) + 1;

// A short constant for a counter's label.
std::string_view malformed_name(Malformed reason);

std::expected<Event, Malformed> decode_event(std::string_view record);

}  // namespace kernspan::probes
