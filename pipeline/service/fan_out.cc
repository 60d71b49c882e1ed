#include "pipeline/service/fan_out.h"

#include <string>
#include <utility>

namespace kernspan {

Status FanOut::consume(otlp::Batch batch) {
  std::size_t failed = 0;
  Error joined{ErrorKind::kRetryable, ""};
  const auto note = [&failed, &joined](const Status& taken) {
    if (taken) return;
    ++failed;
    if (taken.error().kind == ErrorKind::kPermanent) joined.kind = ErrorKind::kPermanent;
    if (!joined.message.empty()) joined.message += "; ";
    joined.message += taken.error().message;
  };
  for (std::size_t i = 0; i + 1 < consumers_.size(); ++i) {
    note(consumers_[i]->consume(batch.clone()));
  }
  note(consumers_.back()->consume(std::move(batch)));
  if (failed == 0) return {};
  if (failed < consumers_.size()) partly_refused_.add();
  return std::unexpected(std::move(joined));
}

Status FanOut::admit(otlp::Signal signal, std::size_t bytes) {
  for (Consumer* consumer : consumers_) {
    if (Status admitted = consumer->admit(signal, bytes); !admitted) return admitted;
  }
  return {};
}

}  // namespace kernspan
