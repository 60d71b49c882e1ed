// One HTTP request and its response (or one HTTP/2 stream, or one gRPC call) as one end of the
// connection saw them: what becomes one span.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/conn/exchange_ptr.h"
#include "agent/conn/header_capture.h"
#include "agent/conn/socket_address.h"
#include "agent/conn/stream_facts.h"
#include "agent/protocol/trace_context/trace_context.h"
#include "pipeline/base/ids.h"
#include "pipeline/base/wire_identity.h"

namespace kernspan {

enum class Role : std::uint8_t { kServer, kClient };

enum class HttpVersion : std::uint8_t { k10, k11, k2 };

// The value of network.protocol.version.
constexpr std::string_view http_version_text(HttpVersion version) {
  switch (version) {
    case HttpVersion::k10:
      return "1.0";
    case HttpVersion::k11:
      return "1.1";
    case HttpVersion::k2:
      return "2";
  }
  return "";
}

// How a parent link is known, weakest first (docs/architecture.md, "Telling who called whom").
enum class Evidence : std::uint8_t {
  kNone,
  kEventLoop,
  kThread,
  kGoroutine,
  kTraceparent,
  kWire,
};

// The value of the attribute kernspan.link.evidence; empty for kNone.
constexpr std::string_view evidence_name(Evidence evidence) {
  switch (evidence) {
    case Evidence::kNone:
      return "";
    case Evidence::kEventLoop:
      return "event_loop";
    case Evidence::kThread:
      return "thread";
    case Evidence::kGoroutine:
      return "goroutine";
    case Evidence::kTraceparent:
      return "traceparent";
    case Evidence::kWire:
      return kLinkEvidenceWire;
  }
  return "";
}

// Why nothing is said about whom a call is for.
enum class Doubt : std::uint8_t {
  kNone,
  kNoRequest,   // the context has no request open
  kTurnOver,    // an event loop has waited for events since it last read
  kAmbiguous,   // several requests wait for the loop
  kQueued,      // an answer came in a process that queues its calls
  kDistrusted,  // the process has lately proved the model wrong
};

// What one stretch of execution is known by: a goroutine, else a thread.
struct ContextKey {
  std::uint32_t tgid = 0;
  std::uint64_t id = 0;  // address of g, or tid

  bool operator==(const ContextKey&) const = default;
};

struct Exchange {
  // --- what was seen (agent/conn) ---
  Role role = Role::kServer;
  std::uint32_t tgid = 0;
  std::uint64_t connection = 0;  // socket cookie
  SocketAddress local;
  SocketAddress remote;
  std::uint32_t request_seq = 0;  // TCP sequence number of the request's first byte
  // When the request began one connection in 2^shed_step was followed (bpf/abi/shed.h).
  std::uint8_t shed_step = 0;

  // CLOCK_MONOTONIC, ns; 0: not yet.
  std::uint64_t start_ns = 0;
  std::uint64_t last_activity_ns = 0;
  std::uint64_t end_ns = 0;
  std::int64_t wall_offset_ns = 0;  // add to a monotonic time of this exchange to get Unix time

  std::string method;
  std::string target;
  std::string host;
  std::string user_agent;
  HttpVersion version = HttpVersion::k11;
  int status = 0;
  std::optional<std::uint64_t> request_body_bytes;
  std::optional<std::uint64_t> response_body_bytes;
  std::optional<TraceContext> header_context;  // of the request
  std::string_view error_type;                 // a constant: connection_closed, ECONNRESET, timeout
  std::string_view partial;  // a constant: why the span is not whole; empty: it is
  bool head_truncated = false;
  bool request_complete = false;
  bool response_begun = false;
  bool ended = false;
  StreamFacts* stream = nullptr;             // HTTP/2 streams and gRPC calls; else null
  std::unique_ptr<CapturedHeaders> headers;  // null: none were captured

  // --- who caused it (agent/causality) ---
  ExchangePtr parent;
  Evidence evidence = Evidence::kNone;
  bool is_exact =
      false;  // client: the link is the program's own word, and waits for no confirmation
  Doubt doubt = Doubt::kNone;  // client: why there is no link, while there is none
  bool after_answer = false;  // client: sent after a callee's answer, not after a request, was read
  ExchangePtr on_behalf_of;   // client: the open incoming request that the call is for
  ContextKey reader;          // server: the context that read the request
  std::uint64_t handler = 0;  // server: the number of the goroutine that handles it; 0: not known
  bool answered_elsewhere = false;  // server: another context than the reader sent the response
  std::uint32_t open_calls =
      0;  // server: calls on its behalf that wait for a connection or an answer
  std::uint32_t calls_total = 0;  // server: calls on its behalf, ever
  bool waits_on_wire = false;     // is in the wire index
  bool trace_derived = false;     // the trace's id is derived from its root's wire identity
  bool left_node = false;         // client: without a context, to whom nobody here has read it
  bool is_ignored = false;  // no span is written of it, and what it causes hangs below its parent
  bool is_sampled_out = false;  // its trace is not written
  // Of 2^56 traces like this one so many are not written (Threshold). Before the trace is settled: what
  // the rule of the process asks for; then what holds for the trace.
  std::uint64_t sampling_rejected = 0;
  SpanId span_id;
  TraceId trace_id;  // valid: the trace is settled and the parent may no longer change
  SpanId parent_span_id;
  std::uint8_t trace_flags = 0;
  std::string trace_state;

  // --- intrusive bookkeeping of the pool ---
  std::unique_ptr<StreamFacts> stream_storage;  // kept when the exchange is used again
  std::uint32_t references = 0;
  Exchange* next_free = nullptr;
  ExchangePool* pool = nullptr;

  // Back to the state of a new one; strings keep their capacity.
  void reset();

  // The exchange's facts as a stream; new ones where there are none.
  StreamFacts& add_stream();

  // Adds a header field that the configuration names.
  void capture(HeaderBudget& budget, bool of_response, const std::string& name,
               std::string_view value);

  // The same at both ends.
  WireIdentity wire_identity() const;

  bool is_grpc() const { return stream && stream->rpc != grpc::Protocol::kNone; }
};

}  // namespace kernspan
