#include "pipeline/processors/span_dedup/seen_spans.h"

#include <utility>

#include "pipeline/otlp/request_builder.h"
#include "pipeline/otlp/span_index.h"

namespace kernspan {

SeenSpans::SeenSpans(const Settings& settings, KeyedIdHash hash)
    : settings_(settings), young_(0, KeyHash{hash}), old_(0, KeyHash{hash}) {}

void SeenSpans::turn(std::uint64_t now_ns) {
  // Another caller, who has read the clock later, may have come first.
  const std::uint64_t age_ns = now_ns > begun_ns_ ? now_ns - begun_ns_ : 0;
  if (age_ns < settings_.window_ns && young_.size() < settings_.max_spans / 2) return;
  // Nothing has come for so long that what is young is old as well.
  if (age_ns >= 2 * settings_.window_ns) young_.clear();
  old_.clear();
  std::swap(young_, old_);
  begun_ns_ += age_ns;
}

SeenSpans::Filtered SeenSpans::filter(otlp::Batch batch, std::uint64_t now_ns) {
  Filtered filtered;
  const otlp::SpanIndex index(batch);
  otlp::RequestBuilder builder(index.tree(), batch.signal());
  {
    const std::scoped_lock lock(mutex_);
    for (const otlp::IndexedSpan& span : index.spans()) {
      const bool has_ids = span.trace_id.is_valid() && span.span_id.is_valid();
      const Key key{
          .trace_id = span.trace_id,
          .span_id = span.span_id,
          .kind = settings_.by_kind ? static_cast<std::uint8_t>(span.kind) : std::uint8_t{0}};
      if (has_ids) {
        turn(now_ns);
        if (old_.contains(key) || !young_.insert(key).second) {
          ++filtered.duplicates;
          continue;
        }
        filtered.fresh.push_back(key);
      }
      builder.add(span.scope, span.position);
    }
  }
  filtered.batch = filtered.duplicates == 0 ? std::move(batch) : builder.take();
  return filtered;
}

void SeenSpans::forget(const std::vector<Key>& keys) {
  const std::scoped_lock lock(mutex_);
  for (const Key& key : keys) {
    young_.erase(key);
    old_.erase(key);
  }
}

std::size_t SeenSpans::size() const {
  const std::scoped_lock lock(mutex_);
  return young_.size() + old_.size();
}

}  // namespace kernspan
