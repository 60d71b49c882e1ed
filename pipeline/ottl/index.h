// Indexing: the keys behind a path or a converter, attributes["a"]["b"][0].
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "pipeline/otlp/attribute_view.h"
#include "pipeline/ottl/function.h"

namespace kernspan::ottl {

// A key as it is compiled: a literal, or what is computed per record.
using Key = std::variant<std::string, std::int64_t, GetterPtr>;

// A key's value for one evaluation: a string or an int. An error when it is neither.
Result<Value> resolve(const Key& key, Evaluation& at);
// The same for a map's key.
Result<Text> resolve_name(const Key& key, Evaluation& at);

// What the keys lead to; nil when a map has no such key or there is nothing to index. An error when
// a list is too short, and for keys of a wrong type.
Result<Value> index_view(otlp::ValueView view, std::span<const Key> keys, Evaluation& at);
Result<Value> index_value(Value value, std::span<const Key> keys, Evaluation& at);

// Puts a value where the keys lead, making the maps and lists that are not there.
Status set_indexed(Value& root, std::span<const Key> keys, Evaluation& at, Value value);

}  // namespace kernspan::ottl
