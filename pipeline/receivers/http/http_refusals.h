#pragma once

#include <array>
#include <cstddef>

#include "pipeline/receivers/http/http_service.h"
#include "pipeline/receivers/receiver_books.h"

namespace kernspan {

// The counters of a transport's refused requests, one for each reason. Any thread.
class HttpRefusals {
 public:
  explicit HttpRefusals(const ReceiverBooks& books)
      : counters_{
            &books.refused_requests("malformed"),       &books.refused_requests("too_large"),
            &books.refused_requests("unauthenticated"), &books.refused_requests("unsupported"),
            &books.refused_requests("not_admitted"),    &books.refused_requests("overloaded"),
            &books.refused_requests("timeout")} {}

  Counter& of(HttpRefusal reason) const { return *counters_[static_cast<std::size_t>(reason)]; }

 private:
  static constexpr std::size_t kReasons = static_cast<std::size_t>(HttpRefusal::kTimeout) + 1;

  const std::array<Counter*, kReasons> counters_;
};

}  // namespace kernspan
