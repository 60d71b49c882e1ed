#pragma once

#include <cstddef>
#include <functional>

#include "pipeline/base/clock.h"
#include "pipeline/otlp/batch.h"
#include "pipeline/ottl/function.h"
#include "pipeline/ottl/record.h"

namespace kernspan::ottl {

// Looks at one record and may change it and those above it through its paths; false drops it.
using VisitRecord = std::function<Result<bool>(Evaluation& at)>;

struct EditedBatch {
  otlp::Batch batch;
  std::size_t dropped_spans = 0;   // with their resource or scope as well
  std::size_t dropped_events = 0;  // of spans that stay
};

// Shows every record of a context of a batch of traces to `visit`, in order. What is not changed
// stays where it is; records that change are written anew, with their unknown fields. A resource or
// scope that is dropped takes its spans along, an event leaves its span as it is otherwise; resources
// and scopes that lose all their spans go. A batch that was not changed comes back as it was. The
// first error of `visit` ends it. `lookups`: those of all conditions that `visit` tests; or null.
Result<EditedBatch> edit_records(otlp::Batch batch, Context context, const Clock& clock,
                                 const VisitRecord& visit, const Lookups* lookups = nullptr);

}  // namespace kernspan::ottl
