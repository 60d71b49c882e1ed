#pragma once

#include <string>
#include <vector>

#include "pipeline/ottl/function.h"
#include "pipeline/ottl/index.h"
#include "pipeline/ottl/record.h"
#include "pipeline/ottl/syntax.h"

namespace kernspan::ottl {

// One attribute, by a key that is a literal: what comparisons look up without making a Value.
class AttributeTarget;
const AttributeTarget* as_attribute(const Getter& getter);
otlp::ValueView find_view(const AttributeTarget& target, Record& record);

// The path's getter and setter in a context; `keys` are those of its last part, compiled. An error
// names the path and the one that may have been meant. A path may begin with the name of its own
// context or of one above; one that begins with neither is of the context itself.
Result<TargetPtr> make_target(const PathSyntax& path, Context context, std::vector<Key> keys,
                              Lookups* lookups = nullptr);

// The context that a path's first part names; nothing for a bare path.
std::optional<Context> named_context(const PathSyntax& path);

}  // namespace kernspan::ottl
