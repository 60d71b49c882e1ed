// Decides who caused whom: gives each exchange its parent, the evidence for it, and its trace.
//
// What is asked for evidence, in this order:
//
//   server span:  wire (the client span of the same request on this node), its traceparent header;
//                 else it is a root, of a trace whose id another node can derive as well.
//   client span:  a traceparent that an open request of the same process came with (it was passed
//                 through), a traceparent of its own (an SDK's span), the goroutine that the program says has
//                 made it, the context that sent it;
//                 else it is a root.
//
// Used by one thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "agent/causality/execution_contexts.h"
#include "agent/causality/goroutine_handlers.h"
#include "agent/causality/wire_index.h"
#include "agent/conn/caller.h"
#include "agent/conn/exchange.h"

namespace kernspan {

// X(field, name): how often a link was made, or not made and why; `name` is a metric label's value.
#define KERNSPAN_LINK_OUTCOMES(X)                                                              \
  X(wire, "wire")                                                                              \
  X(traceparent, "traceparent")                                                                \
  X(goroutine, "goroutine")                                                                    \
  X(thread, "thread")                                                                          \
  X(event_loop, "event_loop")                                                                  \
  X(no_request, "none_no_request") /* nothing was being served */                              \
  X(turn_over, "none_turn_over")   /* the loop has waited for events */                        \
  X(ambiguous, "none_ambiguous")   /* several requests were waiting */                         \
  X(queued, "none_queued")         /* an answer came in a process that queues its calls */     \
  X(distrusted, "none_distrusted") /* the process proved the model wrong */                    \
  X(answered_elsewhere, "none_answered_elsewhere") /* another thread answered the parent */    \
  X(taken_back, "none_taken_back") /* the process was found out before the span was written */ \
  X(bounds, "none_bounds")         /* the trace is too deep, wide or old */                    \
  X(connects_full, "none_connects_full") /* too many connect() calls to remember */            \
  X(late, "none_late")                   /* the trace was settled before the ends met */

struct LinkCounters {
#define KERNSPAN_LINK_FIELD(field, name) std::uint64_t field = 0;
  KERNSPAN_LINK_OUTCOMES(KERNSPAN_LINK_FIELD)
#undef KERNSPAN_LINK_FIELD
  // Of ends that have met no other end on this node.
  std::uint64_t traces_derived = 0;
  std::uint64_t calls_announced = 0;
};

// Bounds on one trace, so that one confused program cannot chain the whole node into a single one.
struct LinkLimits {
  std::uint32_t depth_max = 64;    // spans from the root to a leaf, on this node
  std::uint32_t calls_max = 4096;  // client spans below one server span
  std::uint64_t trace_age_max_ns =
      600'000'000'000;  // a request older than this causes nothing more
  std::uint64_t connect_wait_max_ns = 60'000'000'000;  // how long a connect() is remembered
  std::size_t connects_max = 16384;
  // Whether a trace may go on beyond this node: ids of traces that may have come from another one are derived
  // (pipeline/base/wire_identity.h), and calls that may have gone to one are announced.
  bool across_nodes = true;
};

class Linker {
 public:
  // Random bytes for ids; must not return 0.
  using RandomId = std::function<std::uint64_t()>;

  Linker(LinkLimits limits, RandomId random_id);

  // A thread called connect(): the first request on the connection is for what it works on now.
  void connecting(std::uint64_t connection, const Caller& caller, std::uint64_t now_ns);

  // Incoming request: bytes were read (its head is known).
  void request_read(Exchange& exchange, const Caller& caller, bool first);
  // Outgoing request: its head was sent; `first_on_connection` if none was seen before it.
  void call_sent(Exchange& exchange, const Caller& caller, bool first_on_connection);
  // The program says that this goroutine handles the request, and no other context.
  void handled_by(Exchange& exchange, const Caller& caller);
  // Whom a goroutine that is known by its number works for, now.
  Attribution attribution_of(const Caller& caller);
  // The program says who has made the call: that counts, not who sent its bytes.
  void called_for(Exchange& exchange, const Attribution& attribution);
  // Bytes of the answer to a call were read, up to the last if complete.
  void answer_read(Exchange& exchange, const Caller& caller, bool complete);
  // The context read something that concerns no request: the end of an idle connection.
  void stranger_read(const Caller& caller) { contexts_.stranger_read(caller); }
  // The first byte of a response was sent.
  void response_begun(Exchange& exchange, const Caller& caller);
  // The exchange is over.
  void ended(Exchange& exchange);

  // True if the exchange's parent may yet change: its link rests on order, and the request that it
  // is linked to has not been answered.
  static bool awaits_confirmation(const Exchange& exchange);

  // Settles trace id, parent span id and evidence; after this they do not change. Idempotent.
  void settle(Exchange& exchange);

  // For a span that is no exchange's.
  SpanId new_span_id() const;

  void process_gone(std::uint32_t tgid) {
    contexts_.process_gone(tgid);
    handlers_.process_gone(tgid);
  }
  // Once a second or so: forgets old connects, and requests that are over.
  void sweep(std::uint64_t now_ns);

  const LinkCounters& counters() const { return counters_; }
  const ExecutionContexts& contexts() const { return contexts_; }
  const WireIndex& wire() const { return wire_; }

 private:
  struct Connect {
    ExchangePtr request;  // null: nothing was being served
    Evidence evidence = Evidence::kNone;
    bool after_answer = false;
    std::uint64_t at_ns = 0;
  };
  struct HeaderKey {
    std::uint32_t tgid = 0;
    TraceId trace_id;
    SpanId span_id;
    bool operator==(const HeaderKey&) const = default;
  };
  struct HeaderKeyHash {
    std::size_t operator()(const HeaderKey& key) const noexcept {
      return std::hash<SpanId>{}(key.span_id) ^ key.tgid;
    }
  };

  static void give_up_waiting(const Connect& connect);
  Exchange* attribute(Exchange& exchange, const Attribution& by);
  void join_wire(Exchange& exchange);
  void adopt(Exchange& child, Exchange& parent, Evidence evidence);
  bool within_bounds(const Exchange& child, const Exchange& parent) const;
  ExecutionContexts::Guess guess_caller(const Exchange& exchange, const Caller& caller,
                                        bool first_on_connection);
  Exchange* same_header_request(const Exchange& exchange);
  bool is_unmet(const Exchange& exchange) const;
  void name_trace(Exchange& exchange);
  void count_doubt(ExecutionContexts::Doubt doubt);
  void count_link(Evidence evidence);
  void drop_unconfirmed(Exchange& exchange);
  void sweep_connects(std::uint64_t now_ns);

  LinkLimits limits_;
  RandomId random_id_;
  ExecutionContexts contexts_;
  GoroutineHandlers handlers_;
  WireIndex wire_;
  std::vector<Exchange*> chain_;  // of settle(), kept for its memory
  std::unordered_map<std::uint64_t, Connect> connects_;
  std::uint64_t connects_swept_ns_ = 0;
  // Open incoming requests by the header they came with.
  std::unordered_multimap<HeaderKey, ExchangePtr, HeaderKeyHash> by_header_;
  LinkCounters counters_;
};

}  // namespace kernspan
