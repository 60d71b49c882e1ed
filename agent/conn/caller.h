#pragma once

#include <cstdint>

#include "agent/conn/exchange.h"

namespace kernspan {

// Who made a system call, and what its program is known to be like.
struct Caller {
  ContextKey key;
  // Of an event loop: equal numbers mean that it has not waited for events in between.
  std::uint64_t turn = 0;
  bool is_goroutine = false;
  // A program whose threads serve many requests in turn (nginx, Node.js): never treated as a thread
  // per request, even while it has only one.
  bool is_event_loop = false;
  // Never used again, unlike the goroutine's address, which the key has. 0: not known.
  std::uint64_t goroutine_id = 0;
  std::uint64_t parent_goroutine_id = 0;  // of the goroutine that started it
};

// Whom a context works for, and how that is known.
struct Attribution {
  ExchangePtr request;  // null: see doubt
  Evidence evidence = Evidence::kNone;
  Doubt doubt = Doubt::kNone;
  bool after_answer = false;  // what the context read last was a callee's answer
  bool is_exact = false;      // the program's own word, no matter of order
};

}  // namespace kernspan
