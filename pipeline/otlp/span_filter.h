#pragma once

#include <cstddef>
#include <functional>

#include "pipeline/otlp/batch.h"
#include "pipeline/otlp/span_index.h"

namespace kernspan::otlp {

using KeepSpan = std::function<bool(const SpanIndex& index, std::size_t span)>;

// A batch of traces with only the spans that `keep` answers true for, asked once for each in order:
// index.spans()[span] has ids, kind, times and status; index.view(span) the rest, and
// index.resource_of(span), index.scope_of(span). Kept spans are not touched or copied (short runs
// between dropped ones are). Resources and scopes that lose all their spans go. A batch that keeps
// everything comes back as it was.
Batch filter_spans(Batch batch, const KeepSpan& keep);

}  // namespace kernspan::otlp
