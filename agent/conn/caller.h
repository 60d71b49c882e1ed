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
};

}  // namespace kernspan
