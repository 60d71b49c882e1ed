#include "pipeline/processors/batch/batch_plan.h"

#include <utility>

namespace kernspan {

void BatchPlan::add(otlp::Batch batch, Time now) {
  if (held_.empty()) first_ = now;
  held_.append(std::move(batch));
}

BatchPlan::Trigger BatchPlan::due(Time now) const {
  if (held_.empty()) return Trigger::kNone;
  const bool many =
      settings_.send_batch_size != 0 && held_.item_count() >= settings_.send_batch_size;
  const bool large =
      settings_.send_batch_max_bytes != 0 && held_.byte_count() >= settings_.send_batch_max_bytes;
  if (many || large) return Trigger::kSize;
  return now - first_ >= settings_.timeout ? Trigger::kTimeout : Trigger::kNone;
}

std::optional<BatchPlan::Time> BatchPlan::next_due() const {
  if (held_.empty()) return std::nullopt;
  return first_ + settings_.timeout;
}

bool BatchPlan::has_room_for(const otlp::Batch& batch) const {
  if (held_.empty()) return true;
  const auto fits = [](std::size_t held, std::size_t added, std::size_t max) {
    return max == 0 || held + added <= max;
  };
  return fits(held_.item_count(), batch.item_count(), settings_.send_batch_max_size) &&
         fits(held_.byte_count(), batch.byte_count(), settings_.send_batch_max_bytes);
}

otlp::Batch BatchPlan::take() {
  return std::exchange(held_, otlp::Batch());
}

}  // namespace kernspan
