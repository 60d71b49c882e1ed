#include "pipeline/receivers/receiver_books.h"

#include <fmt/format.h>

#include <utility>

#include "pipeline/component/hand_on.h"

namespace kernspan {

ReceiverBooks::ReceiverBooks(const ComponentContext& context, std::string_view transport)
    : metrics_(context.metrics),
      stage_(context.books),
      labels_{{"receiver", context.id}, {"transport", std::string(transport)}},
      spans_(context.signals.contains(otlp::Signal::kTraces) ? items_of(otlp::Signal::kTraces)
                                                             : Items()),
      metric_points_(context.signals.contains(otlp::Signal::kMetrics)
                         ? items_of(otlp::Signal::kMetrics)
                         : Items()) {}

ReceiverBooks::Items ReceiverBooks::items_of(otlp::Signal signal) const {
  const std::string_view items = otlp::items_of(signal);
  const auto counter = [&](std::string_view outcome, std::string_view help) -> Counter& {
    return metrics_.counter(fmt::format("otelcol_receiver_{}_{}", outcome, items), help, labels_);
  };
  counter("failed", "Items that the receiver itself lost.");
  return {.accepted = &counter("accepted", "Items that the pipeline took."),
          .refused = &counter("refused", "Items that the pipeline refused; the client was told.")};
}

Status ReceiverBooks::hand_on(Consumer& next, otlp::Batch batch) const {
  const std::size_t count = batch.item_count();
  if (count == 0) return {};
  const Items& items = batch.signal() == otlp::Signal::kTraces ? spans_ : metric_points_;
  Status taken = kernspan::hand_on(next, stage_, std::move(batch));
  (taken ? items.accepted : items.refused)->add(count);
  return taken;
}

Counter& ReceiverBooks::refused_requests(std::string_view reason) const {
  MetricLabels labels = labels_;
  labels["reason"] = reason;
  return metrics_.counter("kernspan_receiver_refused_requests",
                          "Requests refused before their items were known, by reason.",
                          std::move(labels));
}

}  // namespace kernspan
