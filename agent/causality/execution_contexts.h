// Which incoming request is a thread (or goroutine) working for, right now?
//
// What is observable of a context is the order of its reads and writes, and whether it waited for
// events between two of them. Two kinds of program follow from that:
//
//   - One request per context (gunicorn, Tomcat, a goroutine per connection): between reading a
//     request and answering it the context belongs to it, whatever it waits for. Evidence: thread,
//     goroutine.
//   - Event loops (nginx, Node.js): the context serves many requests in turn. What it sends belongs
//     to the request whose bytes (or whose callee's answer) it read last, as long as it has not
//     waited for events since: then something else may have woken it (a timer, a resolver's
//     thread). Evidence: event_loop. If a second request has been read completely in the same turn
//     and nothing was sent for it, the program queues its work (asyncio does), and the order of
//     reads says nothing: no evidence.
//   - Event loops that have ended a turn with a request fully read and nothing sent for it: the
//     request waits for something unseen, such as a free connection of a bounded pool. From then
//     on a callee's answer may set off anybody's call, and only what follows the reading of a
//     request itself is linked.
//
// The model is checked against the truth all the time: a response belongs to its request by its
// connection, so each response is a prediction that holds or fails. A process that fails one is
// distrusted until it has been right for a while; nothing is linked by order in the meantime. HTTP/2
// is a process of its own in this: one thread reads all streams and others serve them, in programs
// whose threads serve HTTP/1 one by one.
//
// Used by one thread only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>
#include <unordered_set>

#include "agent/conn/caller.h"
#include "agent/conn/exchange.h"

namespace kernspan {

class ExecutionContexts {
 public:
  // Contexts that are remembered; the least recently used one goes first. A context takes about 300
  // bytes.
  explicit ExecutionContexts(std::size_t contexts_max = 65536);

  using Doubt = kernspan::Doubt;
  struct Guess {
    Exchange* request = nullptr;
    Evidence evidence = Evidence::kNone;
    Doubt doubt = Doubt::kNone;
    bool after_answer = false;  // what the context read last was a callee's answer
  };

  // The context read bytes of an incoming request; request->request_complete says if they were the
  // last.
  void request_read(const Caller& caller, Exchange& request);

  // The context read bytes of the answer to a call that `request` waits for, up to the last if
  // complete.
  void answer_read(const Caller& caller, Exchange& request, bool complete);

  // The context read bytes that belong to no known request: what it does next is not known either.
  void stranger_read(const Caller& caller);

  // Whom the context is working for.
  Guess current(const Caller& caller);

  // Whether a link to `request` that current() made some time ago would be made now, after what was learned of the
  // process since; `after_answer` as the guess said.
  bool still_believes(const Exchange& request, Evidence evidence, bool after_answer) const;

  // The context sent something (a call, a connect, a response) that belongs to `request`.
  void acted(const Caller& caller, Exchange& request);

  // The context sent the first byte of `request`'s response: compares with the prediction.
  void response_begun(const Caller& caller, Exchange& request);

  // Whoever read the request does not serve it: the program has said who does.
  void handed_over(Exchange& request);

  // The request is over, in whatever way.
  void request_ended(Exchange& request);

  // Lets go of requests that are over: a thread that read an answer once would keep what it read it
  // for. Once a second or so: looks at every context.
  void release_ended();

  // Forgets what was learned of a process that has gone.
  void process_gone(std::uint32_t tgid);

  std::size_t size() const { return contexts_.size(); }
  std::uint64_t mispredictions() const { return mispredictions_; }
  std::uint64_t evictions() const { return evictions_; }

 private:
  static constexpr std::size_t kWaitingMax = 16;

  struct KeyHash {
    std::size_t operator()(const ContextKey& key) const noexcept {
      return (key.id ^ (std::uint64_t{key.tgid} << 32)) * 0x9e3779b97f4a7c15u >> 7;
    }
  };
  struct Context {
    ExchangePtr last;  // the request that the last read was about
    std::uint64_t turn = 0;
    bool last_was_answer = false;
    std::uint32_t open = 0;  // requests read here and not over
    bool multiplexes = false;
    // Requests that were fed completely since the last sleep, and for which nothing was sent since.
    std::array<ExchangePtr, kWaitingMax> waiting;
    std::size_t waiting_count = 0;
    bool waiting_overflow = false;
    std::list<ContextKey>::iterator age;
  };

  Context& context_of(const Caller& caller);
  Context* find(const ContextKey& key);
  void fed(const Caller& caller, Context& context, Exchange& request, bool complete);
  static void stop_waiting(Context& context, const Exchange& request);
  static bool others_wait(const Context& context, const Exchange& request);
  Guess current_unchecked(const Caller& caller, const Context& context) const;
  static std::uint64_t trust_key(std::uint32_t tgid, const Exchange& request);
  void settle(std::uint64_t trust_key, bool held);
  void notice_queueing(std::uint32_t tgid, const Context& context, const Exchange& request);

  std::size_t contexts_max_;
  std::unordered_map<ContextKey, Context, KeyHash> contexts_;
  std::list<ContextKey> ages_;  // front: longest unused
  std::unordered_map<std::uint64_t, std::uint32_t>
      distrust_;  // trust_key() -> right predictions still to go
  // Processes that have left a request waiting for something unseen; until they end.
  std::unordered_set<std::uint32_t> queueing_;
  std::uint64_t mispredictions_ = 0;
  std::uint64_t evictions_ = 0;
};

}  // namespace kernspan
