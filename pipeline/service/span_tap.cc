#include "pipeline/service/span_tap.h"

#include <algorithm>
#include <string>
#include <utility>

#include "pipeline/otlp/span_index.h"

namespace kernspan {
namespace {

// What a page shows: some minutes of a sample a second.
constexpr std::size_t kMostRecent = 64;
constexpr std::size_t kMostErrors = 32;
constexpr std::size_t kMostPerBatch = 3;
constexpr std::size_t kLongestText = 200;

std::string cut(std::string_view text) {
  return std::string(text.substr(0, kLongestText));
}

SpanSample sample_of(const otlp::SpanIndex& index, std::size_t position) {
  const otlp::IndexedSpan& span = index.spans()[position];
  const otlp::SpanView view = index.view(position);
  const bool has_times = span.end_time_unix_ns >= span.start_time_unix_ns;
  return {.name = cut(view.name),
          .service = cut(index.resource_of(position).find("service.name").as_string()),
          .status_message = cut(view.status_message),
          .trace_id = span.trace_id,
          .start_time_unix_ns = span.start_time_unix_ns,
          .duration_ns = has_times ? span.end_time_unix_ns - span.start_time_unix_ns : 0,
          .is_error = span.status_code == otlp::StatusCode::kError};
}

void remember(std::deque<SpanSample>& samples, SpanSample sample, std::size_t most) {
  samples.push_front(std::move(sample));
  if (samples.size() > most) samples.pop_back();
}

}  // namespace

Status SpanTap::consume(otlp::Batch batch) {
  if (limiter_.admit(static_cast<std::int64_t>(clock_.monotonic_ns()))) look_into(batch);
  return next_.consume(std::move(batch));
}

void SpanTap::look_into(const otlp::Batch& batch) {
  const otlp::SpanIndex index(batch);
  std::vector<SpanSample> recent;
  std::vector<SpanSample> errors;
  for (std::size_t i = 0; i < index.size() && recent.size() < kMostPerBatch; ++i) {
    recent.push_back(sample_of(index, i));
  }
  for (std::size_t i = 0; i < index.size() && errors.size() < kMostPerBatch; ++i) {
    if (index.spans()[i].status_code != otlp::StatusCode::kError) continue;
    errors.push_back(sample_of(index, i));
  }
  const std::scoped_lock lock(mutex_);
  for (SpanSample& sample : recent) remember(recent_, std::move(sample), kMostRecent);
  for (SpanSample& sample : errors) remember(errors_, std::move(sample), kMostErrors);
}

ServiceView::Samples SpanTap::samples() const {
  const std::scoped_lock lock(mutex_);
  return {.recent = {recent_.begin(), recent_.end()}, .errors = {errors_.begin(), errors_.end()}};
}

}  // namespace kernspan
