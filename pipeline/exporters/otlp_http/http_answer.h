// What the answer to an OTLP/HTTP request means.
// Spec: opentelemetry.io/docs/specs/otlp, "OTLP/HTTP Response".
#pragma once

#include <cstdint>
#include <string>

#include "pipeline/exporters/sender/transport.h"

namespace kernspan {

struct OtlpHttpAnswer {
  long status = 0;
  std::string retry_after = {};  // the header: seconds, or a date
  std::string content_type = {};
  std::string body = {};  // what of it was kept
};

// `now_unix_s` is the wall clock, which dates are compared with.
SendOutcome judge_http_answer(const OtlpHttpAnswer& answer, std::int64_t now_unix_s);

}  // namespace kernspan
