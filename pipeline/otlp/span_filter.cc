#include "pipeline/otlp/span_filter.h"

#include "pipeline/otlp/request_builder.h"

namespace kernspan::otlp {

Batch filter_spans(Batch batch, const KeepSpan& keep) {
  const SpanIndex index(batch);
  RequestBuilder builder(index.tree(), batch.signal());
  for (std::size_t span = 0; span < index.size(); ++span) {
    if (!keep(index, span)) continue;
    builder.add(index.spans()[span].scope, index.spans()[span].position);
  }
  if (builder.item_count() == batch.item_count()) return batch;
  return builder.take();
}

}  // namespace kernspan::otlp
