#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "pipeline/ottl/functions/families.h"
#include "pipeline/ottl/functions/map_builder.h"

namespace kernspan::ottl {
namespace {

// Moves what is in nested maps and lists to the root, under keys joined by dots.
class Flattening {
 public:
  Flattening(std::int64_t max_depth, bool resolves_conflicts)
      : max_depth_(max_depth), resolves_conflicts_(resolves_conflicts) {}

  // As deep as values are nested, which decoding bounds.
  void add(const Map& map, std::string prefix, std::int64_t depth) {  // NOLINT(misc-no-recursion)
    if (!prefix.empty()) prefix += '.';
    for (const Map::Entry& entry : map.entries()) {
      const std::string key = prefix + std::string(entry.key.view());
      if (entry.value.is(ValueType::kMap) && depth < max_depth_) {
        add(entry.value.as_map(), key, depth + 1);
      } else if (entry.value.is(ValueType::kList) && max_depth_ > 0) {
        add_list(entry.value.as_list(), key);
      } else {
        put(key, entry.value);
      }
    }
  }

  Map take() { return flat_.take(); }

 private:
  void add_list(const List& list, const std::string& key) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      // With conflicts resolved the items conflict with each other, and are numbered by that.
      put(resolves_conflicts_ ? key : fmt::format("{}.{}", key, i), list[i]);
    }
  }

  void put(const std::string& key, const Value& value) {
    if (!resolves_conflicts_) return flat_.set(Text::owned(key), value);
    const auto [used, is_new] = used_.try_emplace(key, 0);
    if (is_new) return flat_.set(Text::owned(key), value);
    flat_.set(Text::owned(fmt::format("{}.{}", key, used->second++)), value);
  }

  const std::int64_t max_depth_;
  const bool resolves_conflicts_;
  MapBuilder flat_;
  std::map<std::string, std::int64_t> used_;  // the next number behind a key that was there
};

bool is_flat(const Map& map) {
  return std::none_of(map.entries().begin(), map.entries().end(), [](const Map::Entry& entry) {
    return entry.value.is(ValueType::kMap) || entry.value.is(ValueType::kList);
  });
}

Result<Callable> build_flatten(Arguments& arguments) {
  auto target = arguments.target(0);
  std::string prefix = arguments.text(1);
  const std::int64_t depth = arguments.integer(2, std::numeric_limits<std::int64_t>::max());
  const bool resolves_conflicts = arguments.boolean(3);
  if (depth < 0) {
    return permanent(
        fmt::format("invalid depth for flatten function, {} cannot be negative", depth));
  }
  return [target = std::move(target), prefix = std::move(prefix), depth,
          resolves_conflicts](Evaluation& at) -> Result<Value> {
    const Result<Value> value = target->get(at);
    if (!value) return value;
    if (prefix.empty() && is_flat(value->as_map())) return Value();
    Flattening flattening(depth, resolves_conflicts);
    flattening.add(value->as_map(), prefix, 0);
    if (Status set = target->set(at, Value::map(flattening.take())); !set) {
      return std::unexpected(set.error());
    }
    return Value();
  };
}

}  // namespace

void add_flatten(FunctionTable& table) {
  using enum ParameterType;
  table.add({"flatten",
             {{"target", kMapTarget},
              {"prefix", kTextLiteral, true},
              {"depth", kIntLiteral, true},
              {"resolve_conflicts", kBoolLiteral, true}},
             build_flatten});
}

}  // namespace kernspan::ottl
