#include "agent/causality/execution_contexts.h"

#include <algorithm>

namespace kernspan {
namespace {

// After a wrong prediction a process must be right this often before its order is believed again;
// each further one adds as much, up to the maximum.
constexpr std::uint32_t kDistrustStep = 64;
constexpr std::uint32_t kDistrustMax = 4096;

}  // namespace

ExecutionContexts::ExecutionContexts(std::size_t contexts_max) : contexts_max_(contexts_max) {}

ExecutionContexts::Context* ExecutionContexts::find(const ContextKey& key) {
  const auto found = contexts_.find(key);
  return found == contexts_.end() ? nullptr : &found->second;
}

ExecutionContexts::Context& ExecutionContexts::context_of(const Caller& caller) {
  const auto [place, is_new] = contexts_.try_emplace(caller.key);
  Context& context = place->second;
  if (is_new) {
    context.age = ages_.insert(ages_.end(), caller.key);
    if (contexts_.size() > contexts_max_) {
      contexts_.erase(ages_.front());
      ages_.pop_front();
      ++evictions_;
    }
  } else {
    ages_.splice(ages_.end(), ages_, context.age);
  }
  if (caller.is_event_loop) context.multiplexes = true;
  return context;
}

void ExecutionContexts::stop_waiting(Context& context, const Exchange& request) {
  for (std::size_t i = 0; i < context.waiting_count; ++i) {
    if (context.waiting[i].get() != &request) continue;
    std::swap(context.waiting[i], context.waiting[--context.waiting_count]);
    context.waiting[context.waiting_count] = {};
    return;
  }
}

// Requests that wait for an answer of their own, or are over, do not compete for the next send.
bool ExecutionContexts::others_wait(const Context& context, const Exchange& request) {
  if (context.waiting_overflow) return true;
  for (std::size_t i = 0; i < context.waiting_count; ++i) {
    const Exchange& other = *context.waiting[i];
    if (&other != &request && !other.ended && other.open_calls == 0) return true;
  }
  return false;
}

// A loop that runs its handlers as it reads has sent something for each request before it reads on.
void ExecutionContexts::notice_queueing(std::uint32_t tgid, const Context& context,
                                        const Exchange& request) {
  if (context.multiplexes && others_wait(context, request)) queueing_.insert(tgid);
}

void ExecutionContexts::fed(const Caller& caller, Context& context, Exchange& request,
                            bool complete) {
  notice_queueing(caller.key.tgid, context, request);
  if (context.turn != caller.turn) {
    while (context.waiting_count > 0) context.waiting[--context.waiting_count] = {};
    context.waiting_overflow = false;
    context.turn = caller.turn;
  }
  context.last = ExchangePtr(&request);
  stop_waiting(context, request);
  if (!complete) return;
  if (context.waiting_count == kWaitingMax) {
    // Those that are over or wait for an answer need not be remembered.
    for (std::size_t i = context.waiting_count; i-- > 0;) {
      const Exchange& other = *context.waiting[i];
      if (other.ended || other.open_calls > 0) stop_waiting(context, other);
    }
  }
  if (context.waiting_count == kWaitingMax) {
    context.waiting_overflow = true;
    return;
  }
  context.waiting[context.waiting_count++] = ExchangePtr(&request);
}

void ExecutionContexts::request_read(const Caller& caller, Exchange& request) {
  Context& context = context_of(caller);
  if (request.reader != caller.key) {
    // The first byte may have been read elsewhere (Go's background reader): the last reader counts.
    if (Context* former = find(request.reader); former && former->open > 0) --former->open;
    request.reader = caller.key;
    ++context.open;
  }
  // Requests that are pipelined on one connection are served one after the other; streams are not.
  if (context.open > 1 && context.last && !context.last->ended && context.last.get() != &request &&
      (context.last->connection != request.connection || request.version == HttpVersion::k2)) {
    context.multiplexes = true;
  }
  fed(caller, context, request, request.request_complete);
  context.last_was_answer = false;
}

void ExecutionContexts::answer_read(const Caller& caller, Exchange& request, bool complete) {
  Context& context = context_of(caller);
  fed(caller, context, request, complete);
  context.last_was_answer = true;
}

void ExecutionContexts::stranger_read(const Caller& caller) {
  if (Context* context = find(caller.key); context && context->multiplexes) context->last = {};
}

ExecutionContexts::Guess ExecutionContexts::current_unchecked(const Caller& caller,
                                                              const Context& context) const {
  if (!context.last || context.last->ended) return {.doubt = Doubt::kNoRequest};
  Exchange& request = *context.last;
  if (!context.multiplexes && context.open == 1 && request.reader == caller.key) {
    return {.request = &request,
            .evidence = caller.is_goroutine ? Evidence::kGoroutine : Evidence::kThread};
  }
  // A goroutine is not an event loop: one that has several requests open passes them on.
  if (caller.is_goroutine) return {.doubt = Doubt::kAmbiguous};
  if (context.turn != caller.turn) return {.doubt = Doubt::kTurnOver};
  if (others_wait(context, request)) return {.doubt = Doubt::kAmbiguous};
  return {.request = &request, .evidence = Evidence::kEventLoop};
}

ExecutionContexts::Guess ExecutionContexts::current(const Caller& caller) {
  const Context* context = find(caller.key);
  if (!context) return {.doubt = Doubt::kNoRequest};
  Guess guess = current_unchecked(caller, *context);
  guess.after_answer = context->last_was_answer;
  if (!guess.request || still_believes(*guess.request, guess.evidence, guess.after_answer)) {
    return guess;
  }
  const bool distrusted = distrust_.contains(trust_key(guess.request->tgid, *guess.request));
  return {.doubt = distrusted ? Doubt::kDistrusted : Doubt::kQueued};
}

bool ExecutionContexts::still_believes(const Exchange& request, Evidence evidence,
                                       bool after_answer) const {
  if (distrust_.contains(trust_key(request.tgid, request))) return false;
  return !(evidence == Evidence::kEventLoop && after_answer && queueing_.contains(request.tgid));
}

std::uint64_t ExecutionContexts::trust_key(std::uint32_t tgid, const Exchange& request) {
  return std::uint64_t{tgid} << 1 | (request.version == HttpVersion::k2 ? 1 : 0);
}

void ExecutionContexts::acted(const Caller& caller, Exchange& request) {
  if (Context* context = find(caller.key)) stop_waiting(*context, request);
}

void ExecutionContexts::response_begun(const Caller& caller, Exchange& request) {
  if (request.reader != caller.key && request.reader.tgid != 0) {
    request.answered_elsewhere = true;
    settle(trust_key(caller.key.tgid, request), false);
  } else if (const Context* context = find(caller.key)) {
    const Guess guess = current_unchecked(caller, *context);
    if (guess.request) settle(trust_key(caller.key.tgid, request), guess.request == &request);
  }
  acted(caller, request);
}

void ExecutionContexts::settle(std::uint64_t trust_key, bool held) {
  const auto found = distrust_.find(trust_key);
  if (held) {
    if (found != distrust_.end() && --found->second == 0) distrust_.erase(found);
    return;
  }
  ++mispredictions_;
  std::uint32_t& to_go = distrust_[trust_key];
  to_go = std::min(to_go + kDistrustStep, kDistrustMax);
}

void ExecutionContexts::handed_over(Exchange& request) {
  request_ended(request);
  request.reader = {};
}

void ExecutionContexts::request_ended(Exchange& request) {
  Context* context = find(request.reader);
  if (!context) return;
  if (context->open > 0) --context->open;
  stop_waiting(*context, request);
  if (context->last.get() == &request) context->last = {};
}

void ExecutionContexts::release_ended() {
  for (auto& [key, context] : contexts_) {
    if (context.last && context.last->ended) context.last = {};
    for (std::size_t i = context.waiting_count; i-- > 0;) {
      if (context.waiting[i]->ended) stop_waiting(context, *context.waiting[i]);
    }
  }
}

void ExecutionContexts::process_gone(std::uint32_t tgid) {
  distrust_.erase(std::uint64_t{tgid} << 1);
  distrust_.erase(std::uint64_t{tgid} << 1 | 1);
}

}  // namespace kernspan
