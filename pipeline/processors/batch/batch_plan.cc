#include "pipeline/processors/batch/batch_plan.h"

#include <utility>

namespace kernspan {

void BatchPlan::add(otlp::Batch batch, Time now) {
  if (held_.empty()) first_ = now;
  held_.append(std::move(batch));
}

BatchPlan::Trigger BatchPlan::due(Time now) const {
  if (held_.empty()) return Trigger::kNone;
  const bool large =
      settings_.send_batch_size != 0 && held_.item_count() >= settings_.send_batch_size;
  if (large) return Trigger::kSize;
  return now - first_ >= settings_.timeout ? Trigger::kTimeout : Trigger::kNone;
}

std::optional<BatchPlan::Time> BatchPlan::next_due() const {
  if (held_.empty()) return std::nullopt;
  return first_ + settings_.timeout;
}

otlp::Batch BatchPlan::take() {
  return std::exchange(held_, otlp::Batch());
}

}  // namespace kernspan
