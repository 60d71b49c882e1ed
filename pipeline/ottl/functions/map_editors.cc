// Editors of maps: what they leave as it is they do not write back, so that a record that none
// changed keeps its bytes.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/ottl/functions/as_string.h"
#include "pipeline/ottl/functions/families.h"
#include "pipeline/ottl/functions/map_builder.h"
#include "pipeline/ottl/functions/patterns.h"

namespace kernspan::ottl {
namespace {

Result<Callable> build_set(Arguments& arguments) {
  return [target = arguments.target(0),
          getter = arguments.getter(1)](Evaluation& at) -> Result<Value> {
    Result<Value> value = getter->get(at);
    if (!value || value->is_nil()) return value;
    if (Status set = target->set(at, *std::move(value)); !set) return std::unexpected(set.error());
    return Value();
  };
}

// Removes the entries that `condemned` answers true for, and writes the map if there were any.
template <typename Condemned>
Result<Value> remove_entries(const Target& target, Evaluation& at, Condemned condemned) {
  Result<Value> value = target.get(at);
  if (!value) return value;
  const auto& present = value->as_map().entries();
  if (std::none_of(present.begin(), present.end(), condemned)) return Value();
  std::erase_if(value->mutable_map().entries(), condemned);
  if (Status set = target.set(at, *std::move(value)); !set) return std::unexpected(set.error());
  return Value();
}

Result<Callable> build_delete_key(Arguments& arguments) {
  return [target = arguments.target(0),
          key_getter = arguments.getter(1)](Evaluation& at) -> Result<Value> {
    const Result<Value> key = key_getter->get(at);
    if (!key) return key;
    return remove_entries(
        *target, at, [&](const Map::Entry& entry) { return entry.key.view() == key->as_string(); });
  };
}

Result<Callable> build_keep_keys(Arguments& arguments) {
  return [target = arguments.target(0),
          key_getters = arguments.getters(1)](Evaluation& at) -> Result<Value> {
    std::vector<Value> keys;
    for (const GetterPtr& getter : key_getters) {
      Result<Value> key = getter->get(at);
      if (!key) return key;
      keys.push_back(*std::move(key));
    }
    return remove_entries(*target, at, [&](const Map::Entry& entry) {
      return std::none_of(keys.begin(), keys.end(),
                          [&](const Value& key) { return key.as_string() == entry.key.view(); });
    });
  };
}

// `keep`: whether those that match stay, or those that do not.
template <bool keep>
Result<Callable> build_matching_keys(Arguments& arguments) {
  auto target = arguments.target(0);
  auto pattern = PatternParameter::create(arguments.getter(1));
  if (!pattern) return std::unexpected(pattern.error());
  return
      [target = std::move(target), pattern = *std::move(pattern)](Evaluation& at) -> Result<Value> {
        const auto expression = pattern.get(at);
        if (!expression) return std::unexpected(expression.error());
        return remove_entries(*target, at, [&](const Map::Entry& entry) {
          return matches(**expression, entry.key.view()) != keep;
        });
      };
}

Result<Callable> build_limit(Arguments& arguments) {
  auto target = arguments.target(0);
  const std::int64_t limit = arguments.integer(1);
  const std::vector<std::string> keys = arguments.texts(2);
  if (limit < 0) {
    return permanent(fmt::format("invalid limit for limit function, {} cannot be negative", limit));
  }
  if (static_cast<std::uint64_t>(limit) < keys.size()) {
    return permanent(
        fmt::format("invalid limit for limit function, {} cannot be less than number of priority "
                    "attributes {}",
                    limit, keys.size()));
  }
  return [target = std::move(target), limit = static_cast<std::size_t>(limit),
          priority = std::set<std::string, std::less<>>(keys.begin(), keys.end())](
             Evaluation& at) -> Result<Value> {
    Result<Value> value = target->get(at);
    if (!value) return value;
    const Map& map = value->as_map();
    if (map.size() <= limit) return Value();
    std::size_t kept = 0;
    for (const std::string& key : priority) kept += map.find(key) != nullptr ? 1 : 0;
    std::erase_if(value->mutable_map().entries(), [&](const Map::Entry& entry) {
      return !priority.contains(entry.key.view()) && kept++ >= limit;
    });
    if (Status set = target->set(at, *std::move(value)); !set) return std::unexpected(set.error());
    return Value();
  };
}

struct Truncation {
  std::size_t limit = 0;
  bool keeps_characters = true;
  std::string marker;

  std::string apply(std::string_view text) const {
    std::size_t size = limit - marker.size();
    const auto continues = [&](std::size_t i) {
      return (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80;
    };
    while (keeps_characters && size > 0 && continues(size)) --size;
    return std::string(text.substr(0, size)) + marker;
  }
};

Result<Callable> build_truncate_all(Arguments& arguments) {
  auto target = arguments.target(0);
  const std::int64_t limit = arguments.integer(1);
  if (limit < 0) {
    return permanent(
        fmt::format("invalid limit for truncate_all function, {} cannot be negative", limit));
  }
  Truncation truncation{.limit = static_cast<std::size_t>(limit),
                        .keeps_characters = arguments.boolean(2, true),
                        .marker = arguments.text(3)};
  if (truncation.marker.size() > truncation.limit) {
    return permanent(fmt::format("the truncation marker has {} bytes, more than the limit of {}",
                                 truncation.marker.size(), limit));
  }
  return [target = std::move(target),
          truncation = std::move(truncation)](Evaluation& at) -> Result<Value> {
    Result<Value> value = target->get(at);
    if (!value) return value;
    const auto too_long = [&](const Map::Entry& entry) {
      return entry.value.is(ValueType::kString) &&
             entry.value.as_string().size() > truncation.limit;
    };
    const auto& present = value->as_map().entries();
    if (std::none_of(present.begin(), present.end(), too_long)) return Value();
    for (Map::Entry& entry : value->mutable_map().entries()) {
      if (!too_long(entry)) continue;
      entry.value = Value::string(truncation.apply(entry.value.as_string()));
    }
    if (Status set = target->set(at, *std::move(value)); !set) return std::unexpected(set.error());
    return Value();
  };
}

Result<Callable> build_merge_maps(Arguments& arguments) {
  auto target = arguments.target(0);
  auto source = arguments.getter(1);
  const std::string strategy = arguments.text(2);
  if (strategy != "insert" && strategy != "update" && strategy != "upsert") {
    return permanent(fmt::format(
        "invalid value for strategy, {}, must be 'insert', 'update' or 'upsert'", strategy));
  }
  return [target = std::move(target), source = std::move(source), inserts = strategy != "update",
          updates = strategy != "insert"](Evaluation& at) -> Result<Value> {
    Result<Value> value = target->get(at);
    if (!value) return value;
    const Result<Value> additions = source->get(at);
    if (!additions) return additions;
    if (additions->as_map().empty()) return Value();
    MapBuilder map(std::move(value->mutable_map()));
    for (const Map::Entry& entry : additions->as_map().entries()) {
      if (map.has(entry.key.view()) ? updates : inserts) map.set(entry.key, entry.value);
    }
    if (Status set = target->set(at, Value::map(map.take())); !set) {
      return std::unexpected(set.error());
    }
    return Value();
  };
}

Result<Callable> build_stringify_all(Arguments& arguments) {
  return [target = arguments.target(0)](Evaluation& at) -> Result<Value> {
    Result<Value> value = target->get(at);
    if (!value) return value;
    const auto is_other = [](const Map::Entry& entry) {
      return !entry.value.is(ValueType::kString);
    };
    const auto& present = value->as_map().entries();
    if (std::none_of(present.begin(), present.end(), is_other)) return Value();
    for (Map::Entry& entry : value->mutable_map().entries()) {
      if (is_other(entry)) entry.value = Value::string(as_string(entry.value));
    }
    if (Status set = target->set(at, *std::move(value)); !set) return std::unexpected(set.error());
    return Value();
  };
}

}  // namespace

void add_map_editors(FunctionTable& table) {
  using enum ParameterType;
  table.add({"set", {{"target", kTarget}, {"value", kAny}}, build_set});
  table.add({"delete_key", {{"target", kMapTarget}, {"key", kString}}, build_delete_key});
  table.add({"delete_matching_keys",
             {{"target", kMapTarget}, {"pattern", kString}},
             build_matching_keys<false>});
  table.add({"keep_matching_keys",
             {{"target", kMapTarget}, {"pattern", kString}},
             build_matching_keys<true>});
  table.add({"keep_keys", {{"target", kMapTarget}, {"keys", kStringList}}, build_keep_keys});
  table.add({"limit",
             {{"target", kMapTarget}, {"limit", kIntLiteral}, {"priority_keys", kTextLiteralList}},
             build_limit});
  table.add({"truncate_all",
             {{"target", kMapTarget},
              {"limit", kIntLiteral},
              {"utf8_safe", kBoolLiteral, true},
              {"truncation_marker", kTextLiteral, true}},
             build_truncate_all});
  table.add({"merge_maps",
             {{"target", kMapTarget}, {"source", kMap}, {"strategy", kTextLiteral}},
             build_merge_maps});
  table.add({"stringify_all", {{"target", kMapTarget}}, build_stringify_all});
}

}  // namespace kernspan::ottl
