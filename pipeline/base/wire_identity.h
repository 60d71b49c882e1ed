// What both ends of one request know of it without a word from each other, and the trace id that
// follows from it: a server whose request came without a trace context names its trace so, and the
// client that called it announces the same name. Where the two meet (gateway/stitch/), two traces become one.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "pipeline/base/ids.h"

namespace kernspan {

// The client's address and port as the server sees them too, and the TCP sequence number of the
// request's first byte (HTTP/2: of its HEADERS frame's). The server's own address is not part of it: a
// Service of Kubernetes is called by another one. Source NAT changes the client's: such ends never
// meet.
struct WireIdentity {
  std::array<std::uint8_t, 16> client_ip{};  // IPv6, or IPv4 as ::ffff:a.b.c.d; network order
  std::uint16_t client_port = 0;
  std::uint32_t request_seq = 0;

  bool operator==(const WireIdentity&) const = default;
};

// Never the invalid id. The same on every machine and in every release: agents of different
// versions meet in one gateway.
TraceId derived_trace_id(const WireIdentity& identity);

// On every span of a trace whose id is derived: true (bool). Absent elsewhere.
inline constexpr std::string_view kStitchDerivedKey = "kernspan.stitch.derived";
// On a client span whose request has left the node without a trace context: the id, in 32 lower-case hex
// digits, that the trace of the server's span has if that was traced.
inline constexpr std::string_view kStitchPeerTraceIdKey = "kernspan.stitch.peer_trace_id";
// How a span's parent is known; a join over the wire says kLinkEvidenceWire, wherever it was made.
inline constexpr std::string_view kLinkEvidenceKey = "kernspan.link.evidence";
inline constexpr std::string_view kLinkEvidenceWire = "wire";

}  // namespace kernspan
