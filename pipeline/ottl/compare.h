#pragma once

#include "pipeline/otlp/attribute_view.h"
#include "pipeline/ottl/value.h"

namespace kernspan::ottl {

// As compare(), of a value as it lies in the telemetry: of scalars nothing is decoded or copied.
bool compare_view(const otlp::ValueView& left, Comparison comparison, const Value& right);

// The comparison with its sides exchanged: a < b is b > a.
Comparison mirrored(Comparison comparison);

}  // namespace kernspan::ottl
