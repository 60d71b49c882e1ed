#include "agent/causality/linker.h"

#include <algorithm>
#include <cstring>

#include "agent/causality/head_sampling.h"

namespace kernspan {
namespace {

// A full table of connects is searched for old ones no more often than this.
constexpr std::uint64_t kFullSweepNs = 1'000'000'000;

// Links that rest on the order of a context's reads and writes.
bool rests_on_order(Evidence evidence) {
  return evidence == Evidence::kThread || evidence == Evidence::kEventLoop ||
         evidence == Evidence::kGoroutine;
}

bool unconfirmed(const Exchange& exchange) {
  return exchange.parent && !exchange.is_exact && rests_on_order(exchange.evidence) &&
         !exchange.parent->response_begun && !exchange.parent->ended;
}

Attribution attribution(const ExecutionContexts::Guess& guess) {
  return {.request = ExchangePtr(guess.request),
          .evidence = guess.evidence,
          .doubt = guess.doubt,
          .after_answer = guess.after_answer};
}

}  // namespace

Linker::Linker(LinkLimits limits, RandomId random_id)
    : limits_(limits), random_id_(std::move(random_id)) {}

void Linker::connecting(std::uint64_t connection, const Caller& caller, std::uint64_t now_ns) {
  if (connects_.size() >= limits_.connects_max && now_ns - connects_swept_ns_ > kFullSweepNs)
    sweep_connects(now_ns);
  if (connects_.size() >= limits_.connects_max) {
    ++counters_.connects_full;
    return;
  }
  const ExecutionContexts::Guess guess = contexts_.current(caller);
  const auto [place, is_new] = connects_.try_emplace(connection);
  if (!is_new) give_up_waiting(place->second);
  place->second = {.request = ExchangePtr(guess.request),
                   .evidence = guess.evidence,
                   .after_answer = guess.after_answer,
                   .at_ns = now_ns};
  if (!guess.request) return;
  // The request waits for this call from now on, although the call is sent only when the connection
  // is ready.
  ++guess.request->open_calls;
  contexts_.acted(caller, *guess.request);
}

void Linker::give_up_waiting(const Connect& connect) {
  if (connect.request && connect.request->open_calls > 0) --connect.request->open_calls;
}

void Linker::request_read(Exchange& exchange, const Caller& caller, bool first) {
  if (exchange.handler == 0) contexts_.request_read(caller, exchange);
  if (!first) return;
  if (exchange.header_context) {
    by_header_.emplace(HeaderKey{exchange.tgid, exchange.header_context->trace_id,
                                 exchange.header_context->parent_span_id},
                       ExchangePtr(&exchange));
  }
  join_wire(exchange);
}

ExecutionContexts::Guess Linker::guess_caller(const Exchange& exchange, const Caller& caller,
                                              bool first_on_connection) {
  const ExecutionContexts::Guess now = contexts_.current(caller);
  if (!first_on_connection) return now;
  const auto found = connects_.find(exchange.connection);
  if (found == connects_.end()) return now;
  const Connect connect = found->second;
  connects_.erase(found);
  give_up_waiting(connect);  // call_sent() counts the call itself
  if (now.evidence == Evidence::kThread || now.evidence == Evidence::kGoroutine) return now;
  // An event loop sends when the connection is ready: what it read last by then may be anything.
  if (!connect.request || connect.request->ended) {
    return {.doubt = ExecutionContexts::Doubt::kNoRequest};
  }
  if (now.doubt == ExecutionContexts::Doubt::kDistrusted) return now;
  return {.request = connect.request.get(),
          .evidence = connect.evidence,
          .after_answer = connect.after_answer};
}

// The one open request of the same process that came with the header that this call goes out with.
Exchange* Linker::same_header_request(const Exchange& exchange) {
  const TraceContext& header = *exchange.header_context;
  const auto [first, last] =
      by_header_.equal_range({exchange.tgid, header.trace_id, header.parent_span_id});
  if (first == last || std::next(first) != last) return nullptr;
  return first->second.get();
}

void Linker::call_sent(Exchange& exchange, const Caller& caller, bool first_on_connection) {
  const ExecutionContexts::Guess guess = guess_caller(exchange, caller, first_on_connection);
  if (Exchange* request = attribute(exchange, attribution(guess))) {
    contexts_.acted(caller, *request);
  }
  join_wire(exchange);
}

void Linker::handled_by(Exchange& exchange, const Caller& caller) {
  if (exchange.handler == 0) contexts_.handed_over(exchange);
  handlers_.serves(caller, exchange);
}

Attribution Linker::attribution_of(const Caller& caller) {
  if (const auto handled = handlers_.request_of(caller)) {
    if (!*handled) return {.request = {}, .doubt = Doubt::kNoRequest};
    return {.request = *handled, .evidence = Evidence::kGoroutine, .is_exact = true};
  }
  return attribution(contexts_.current(caller));
}

void Linker::called_for(Exchange& exchange, const Attribution& by) {
  if (exchange.trace_id.is_valid()) {
    ++counters_.late;
    return;
  }
  if (exchange.on_behalf_of) {
    if (exchange.on_behalf_of->open_calls > 0) --exchange.on_behalf_of->open_calls;
    --exchange.on_behalf_of->calls_total;
    exchange.on_behalf_of = {};
  }
  exchange.parent = {};
  exchange.evidence = Evidence::kNone;
  attribute(exchange, by);
}

// Makes the call one of the request's. Returns the request; null if there is none.
Exchange* Linker::attribute(Exchange& exchange, const Attribution& by) {
  Exchange* request = by.request.get();
  Evidence evidence = by.evidence;
  exchange.doubt = Doubt::kNone;
  exchange.is_exact = false;
  if (exchange.header_context) {
    // A header settles it: it is the trace's own word. With several requests under the same header
    // the order tells them apart.
    const TraceContext& header = *exchange.header_context;
    Exchange* same = same_header_request(exchange);
    const bool guess_has_it = request && request->header_context &&
                              request->header_context->trace_id == header.trace_id &&
                              request->header_context->parent_span_id == header.parent_span_id;
    if (same) request = same;
    evidence = same || guess_has_it ? Evidence::kTraceparent : Evidence::kNone;
  }
  if (request) {
    if (within_bounds(exchange, *request)) {
      exchange.on_behalf_of = ExchangePtr(request);
      ++request->open_calls;
      ++request->calls_total;
      exchange.after_answer = by.after_answer;
      exchange.is_exact = by.is_exact;
      if (evidence != Evidence::kNone) adopt(exchange, *request, evidence);
    } else {
      ++counters_.bounds;
    }
  } else if (!exchange.header_context) {
    exchange.doubt = by.doubt;
  }
  return request;
}

void Linker::answer_read(Exchange& exchange, const Caller& caller, bool complete) {
  // The thread that reads for a goroutine is nobody's context.
  if (exchange.is_exact) return;
  if (exchange.on_behalf_of && !exchange.on_behalf_of->ended) {
    contexts_.answer_read(caller, *exchange.on_behalf_of, complete);
  } else {
    contexts_.stranger_read(caller);
  }
}

void Linker::response_begun(Exchange& exchange, const Caller& caller) {
  if (exchange.handler == 0) contexts_.response_begun(caller, exchange);
}

void Linker::ended(Exchange& exchange) {
  if (exchange.role == Role::kServer) {
    contexts_.request_ended(exchange);
    handlers_.request_ended(exchange);
    if (exchange.header_context) {
      const auto [first, last] =
          by_header_.equal_range({exchange.tgid, exchange.header_context->trace_id,
                                  exchange.header_context->parent_span_id});
      const auto mine = std::find_if(
          first, last, [&](const auto& entry) { return entry.second.get() == &exchange; });
      if (mine != last) by_header_.erase(mine);
    }
  } else if (exchange.on_behalf_of) {
    Exchange& request = *exchange.on_behalf_of;
    if (request.open_calls > 0) --request.open_calls;
    exchange.on_behalf_of = {};
  }
}

void Linker::join_wire(Exchange& exchange) {
  const ExchangePtr peer = wire_.meet(exchange);
  if (!peer) return;
  Exchange& server = exchange.role == Role::kServer ? exchange : *peer;
  Exchange& client = exchange.role == Role::kServer ? *peer : exchange;
  if (server.trace_id.is_valid()) {
    ++counters_.late;
    return;
  }
  if (!within_bounds(server, client)) {
    ++counters_.bounds;
    return;
  }
  adopt(server, client, Evidence::kWire);
  // The hooks fire after the transfer, on two processors: the receiver's time can be the earlier
  // one.
  client.start_ns = std::min(client.start_ns, server.start_ns);
}

void Linker::adopt(Exchange& child, Exchange& parent, Evidence evidence) {
  child.parent = ExchangePtr(&parent);
  child.evidence = evidence;
}

bool Linker::within_bounds(const Exchange& child, const Exchange& parent) const {
  if (parent.calls_total >= limits_.calls_max) return false;
  if (child.start_ns > parent.start_ns &&
      child.start_ns - parent.start_ns > limits_.trace_age_max_ns) {
    return false;
  }
  std::uint32_t depth = 1;
  for (const Exchange* at = &parent; at; at = at->parent.get()) {
    if (at == &child || ++depth > limits_.depth_max) return false;
  }
  return true;
}

bool Linker::awaits_confirmation(const Exchange& exchange) {
  for (const Exchange* at = &exchange; at && !at->trace_id.is_valid(); at = at->parent.get()) {
    if (unconfirmed(*at)) return true;
  }
  return false;
}

// What was learned since the link was made may have taken its ground away.
void Linker::drop_unconfirmed(Exchange& exchange) {
  if (!exchange.parent || exchange.is_exact || !rests_on_order(exchange.evidence)) return;
  if (exchange.parent->answered_elsewhere) {
    ++counters_.answered_elsewhere;
  } else if (!contexts_.still_believes(*exchange.parent, exchange.evidence,
                                       exchange.after_answer)) {
    ++counters_.taken_back;
  } else {
    return;
  }
  exchange.parent = {};
  exchange.evidence = Evidence::kNone;
}

void Linker::settle(Exchange& exchange) {
  chain_.clear();
  for (Exchange* at = &exchange; at && !at->trace_id.is_valid(); at = at->parent.get()) {
    drop_unconfirmed(*at);
    chain_.push_back(at);
  }
  for (auto place = chain_.rbegin(); place != chain_.rend(); ++place) {
    Exchange& at = **place;
    if (!at.span_id.is_valid()) at.span_id = new_span_id();
    if (at.parent) {
      const Exchange& parent = *at.parent;
      at.trace_id = parent.trace_id;
      at.parent_span_id = parent.span_id;
      at.trace_flags = parent.trace_flags;
      at.trace_state = parent.trace_state;
      at.wall_offset_ns = parent.wall_offset_ns;
      at.trace_derived = parent.trace_derived;
      at.is_sampled_out = parent.is_sampled_out;
      at.sampling_rejected = parent.sampling_rejected;
      // Of a root that is not written nothing can be the child.
      if (!at.parent_span_id.is_valid()) at.evidence = Evidence::kNone;
    } else if (at.header_context) {
      at.trace_id = at.header_context->trace_id;
      at.parent_span_id = at.header_context->parent_span_id;
      at.trace_flags = at.header_context->flags;
      at.trace_state = at.header_context->trace_state;
      at.evidence = Evidence::kTraceparent;
    } else {
      name_trace(at);
    }
    if (!at.parent) sample_root(at);
    if (at.is_ignored) at.span_id = at.parent_span_id;
    const bool is_written = !at.is_ignored && !at.is_sampled_out;
    if (at.role == Role::kClient && !at.header_context && is_written && is_unmet(at)) {
      at.left_node = true;
      ++counters_.calls_announced;
    }
    wire_.withdraw(at);
    count_link(at.evidence);
    count_doubt(at.doubt);
  }
}

// Whether the other end may be on another node: it has not been seen on this one, and the connection
// may have left it. An end that comes too late is found by the gateway, as one of another node is: both
// ends derive the same id.
bool Linker::is_unmet(const Exchange& exchange) const {
  return limits_.across_nodes && exchange.waits_on_wire && !exchange.remote.is_loopback() &&
         exchange.remote.ip != exchange.local.ip;
}

// The id of a trace that begins here, as far as is known.
void Linker::name_trace(Exchange& exchange) {
  exchange.trace_flags = kTraceFlagSampled;
  if (exchange.role == Role::kServer && is_unmet(exchange)) {
    exchange.trace_id = derived_trace_id(exchange.wire_identity());
    exchange.trace_derived = true;
    ++counters_.traces_derived;
    return;
  }
  const std::uint64_t id[2] = {random_id_(), random_id_()};
  std::memcpy(exchange.trace_id.bytes.data(), id, sizeof id);
}

SpanId Linker::new_span_id() const {
  SpanId span_id;
  const std::uint64_t id = random_id_();
  std::memcpy(span_id.bytes.data(), &id, sizeof id);
  return span_id;
}

void Linker::sweep(std::uint64_t now_ns) {
  sweep_connects(now_ns);
  contexts_.release_ended();
}

void Linker::sweep_connects(std::uint64_t now_ns) {
  connects_swept_ns_ = now_ns;
  for (auto& [connection, connect] : connects_) {
    // The entry goes on saying that the connection is for nothing that is open.
    if (connect.request && connect.request->ended) connect.request = {};
  }
  std::erase_if(connects_, [&](const auto& entry) {
    if (entry.second.at_ns + limits_.connect_wait_max_ns >= now_ns) return false;
    give_up_waiting(entry.second);
    return true;
  });
}

void Linker::count_doubt(ExecutionContexts::Doubt doubt) {
  switch (doubt) {
    case ExecutionContexts::Doubt::kNone:
      break;
    case ExecutionContexts::Doubt::kNoRequest:
      ++counters_.no_request;
      break;
    case ExecutionContexts::Doubt::kTurnOver:
      ++counters_.turn_over;
      break;
    case ExecutionContexts::Doubt::kAmbiguous:
      ++counters_.ambiguous;
      break;
    case ExecutionContexts::Doubt::kQueued:
      ++counters_.queued;
      break;
    case ExecutionContexts::Doubt::kDistrusted:
      ++counters_.distrusted;
      break;
  }
}

void Linker::count_link(Evidence evidence) {
  switch (evidence) {
    case Evidence::kNone:
      break;
    case Evidence::kEventLoop:
      ++counters_.event_loop;
      break;
    case Evidence::kThread:
      ++counters_.thread;
      break;
    case Evidence::kGoroutine:
      ++counters_.goroutine;
      break;
    case Evidence::kTraceparent:
      ++counters_.traceparent;
      break;
    case Evidence::kWire:
      ++counters_.wire;
      break;
  }
}

}  // namespace kernspan
