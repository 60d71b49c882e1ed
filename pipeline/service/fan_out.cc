#include "pipeline/service/fan_out.h"

#include <string>
#include <utility>

namespace kernspan {

Status FanOut::consume(otlp::Batch batch) {
  std::size_t failed = 0;
  Error joined{ErrorKind::kRetryable, ""};
  for (std::size_t i = 0; i < consumers_.size(); ++i) {
    const bool is_last = i + 1 == consumers_.size();
    const Status taken = consumers_[i]->consume(is_last ? std::move(batch) : batch.clone());
    if (taken) continue;
    ++failed;
    if (taken.error().kind == ErrorKind::kPermanent) joined.kind = ErrorKind::kPermanent;
    if (!joined.message.empty()) joined.message += "; ";
    joined.message += taken.error().message;
  }
  if (failed == 0) return {};
  if (failed < consumers_.size()) partly_refused_.add();
  return std::unexpected(std::move(joined));
}

}  // namespace kernspan
