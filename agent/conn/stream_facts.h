#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/protocol/grpc/call.h"

namespace kernspan {

// The gRPC messages of one direction of a stream.
struct MessageFlow {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;     // as on the wire (maybe compressed), their prefixes not counted
  bool messages_known = true;  // false: some may have gone by unseen
  bool bytes_known = true;
};

// What there is to say of an exchange that is an HTTP/2 stream or a gRPC call, beyond what every
// HTTP exchange has.
struct StreamFacts {
  std::uint32_t stream = 0;  // 0: HTTP/1
  grpc::Protocol rpc = grpc::Protocol::kNone;
  bool reset_by_client = false;
  bool rpc_status_derived = false;  // no grpc-status came: what the specification says instead
  std::optional<int> rpc_status;    // absent: not known, or not gRPC
  std::string_view scheme;          // "http", "https"; empty: not known
  std::string_view reset;           // name of the error code of a RST_STREAM; empty: none
  std::optional<std::uint64_t> timeout_ns;  // grpc-timeout
  MessageFlow request;
  MessageFlow response;
  std::uint32_t reports = 0;         // interim spans so far
  std::uint64_t last_report_ns = 0;  // 0: none
};

}  // namespace kernspan
