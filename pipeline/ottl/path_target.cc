#include "pipeline/ottl/path_target.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "pipeline/base/edit_distance.h"
#include "pipeline/ottl/lookups.h"
#include "pipeline/ottl/path_table.h"

namespace kernspan::ottl {

namespace {

Status check_room(const Record& record) {
  if (record.change_bytes() <= Record::kMaxChangeBytes) return {};
  return permanent(fmt::format("the changes have more than {} bytes", Record::kMaxChangeBytes));
}

}  // namespace

class AttributeTarget final : public Target {
 public:
  AttributeTarget(Context part, std::string key, Lookups* lookups)
      : part_(part), key_(std::move(key)) {
    if (lookups == nullptr) return;
    keys_ = &lookups->of(part);
    number_ = lookups->of(part).add(key_);
  }

  otlp::ValueView find(Record& record) const {
    return message_of(record, part_).find(key_, keys_, number_);
  }

  Result<Value> get(Evaluation& at) const override { return Value::from_view(find(at.record)); }
  Status set(Evaluation& at, Value value) const override {
    if (value.is_nil()) return {};
    if (Status room = check_room(at.record); !room) return room;
    message_of(at.record, part_).set_attribute(key_, value);
    return {};
  }

 private:
  Context part_;
  std::string key_;
  const otlp::AttributeKeys* keys_ = nullptr;  // those of the lookups, which key_ is one of
  otlp::AttributeKeys::Number number_ = 0;
};

namespace {

class FieldTarget final : public Target {
 public:
  explicit FieldTarget(const PathRow& row) : row_(row) {}

  Result<Value> get(Evaluation& at) const override { return row_.get(at.record); }
  Status set(Evaluation& at, Value value) const override {
    if (row_.set == nullptr) return permanent(fmt::format("{} cannot be set", row_.name));
    if (value.is_nil()) return {};
    if (Status room = check_room(at.record); !room) return room;
    return row_.set(at.record, value);
  }

 private:
  const PathRow& row_;
};

// What lies below an attribute, and attributes whose key is computed.
class NestedTarget final : public Target {
 public:
  NestedTarget(Context part, std::vector<Key> keys) : part_(part), keys_(std::move(keys)) {}

  Result<Value> get(Evaluation& at) const override {
    const Result<Text> name = resolve_name(keys_.front(), at);
    if (!name) return std::unexpected(name.error());
    return index_view(message_of(at.record, part_).find(name->view()), inner_keys(), at);
  }
  Status set(Evaluation& at, Value value) const override {
    if (value.is_nil()) return {};
    if (Status room = check_room(at.record); !room) return room;
    const Result<Text> name = resolve_name(keys_.front(), at);
    if (!name) return std::unexpected(name.error());
    OpenMessage& message = message_of(at.record, part_);
    Value attribute = Value::from_view(message.find(name->view()));
    Status set = set_indexed(attribute, inner_keys(), at, std::move(value));
    if (set) message.set_attribute(name->view(), attribute);
    return set;
  }

 private:
  std::span<const Key> inner_keys() const { return std::span(keys_).subspan(1); }

  Context part_;
  std::vector<Key> keys_;
};

class TraceStateTarget final : public Target {
 public:
  TraceStateTarget(const PathRow& row, Key key) : row_(row), key_(std::move(key)) {}

  Result<Value> get(Evaluation& at) const override {
    const Result<Text> name = resolve_name(key_, at);
    if (!name) return std::unexpected(name.error());
    const Value state = row_.get(at.record);
    const auto member = trace_state_member(state.as_string(), name->view());
    return member ? Value::borrowed(*member) : Value();
  }
  Status set(Evaluation& at, Value value) const override {
    if (value.is_nil()) return {};
    if (!value.is(ValueType::kString)) {
      return permanent(fmt::format("expected string but got {}", type_name(value.type())));
    }
    if (Status room = check_room(at.record); !room) return room;
    const Result<Text> name = resolve_name(key_, at);
    if (!name) return std::unexpected(name.error());
    const Value state = row_.get(at.record);
    return row_.set(at.record, Value::string(with_trace_state_member(
                                   state.as_string(), name->view(), value.as_string())));
  }

 private:
  const PathRow& row_;
  Key key_;
};

class CacheTarget final : public Target {
 public:
  explicit CacheTarget(std::vector<Key> keys) : keys_(std::move(keys)) {}

  Result<Value> get(Evaluation& at) const override {
    Value& cache = at.record.cache();
    if (cache.is_nil() && keys_.empty()) return Value::map({});
    return index_value(cache, keys_, at);
  }
  Status set(Evaluation& at, Value value) const override {
    if (value.is_nil()) return {};
    if (keys_.empty() && !value.is(ValueType::kMap)) {
      return permanent(fmt::format("expected map but got {}", type_name(value.type())));
    }
    return set_indexed(at.record.cache(), keys_, at, std::move(value));
  }

 private:
  std::vector<Key> keys_;
};

constexpr std::array<std::pair<std::string_view, Context>, 5> kContextNames = {{
    {"resource", Context::kResource},
    {"scope", Context::kScope},
    {"instrumentation_scope", Context::kScope},
    {"span", Context::kSpan},
    {"spanevent", Context::kSpanEvent},
}};

std::unexpected<Error> unknown_path(const PathSyntax& path, Context part) {
  std::vector<std::string> names = {"cache"};
  for (const PathRow& row : path_rows(part)) names.emplace_back(row.name);
  std::string name = path.name();
  if (named_context(path)) name.erase(0, name.find('.') + 1);
  if (const auto meant = closest_word(name, names)) {
    return permanent(fmt::format("the {} has no path \"{}\"; is \"{}\" meant?", context_name(part),
                                 name, *meant));
  }
  return permanent(fmt::format("the {} has no path \"{}\"; it has {}", context_name(part), name,
                               fmt::join(names, ", ")));
}

Result<TargetPtr> make_row_target(const PathSyntax& path, Context part, const PathRow& row,
                                  std::vector<Key> keys, Lookups* lookups) {
  if (keys.empty()) return std::make_unique<FieldTarget>(row);
  if (row.kind == PathKind::kTraceState && keys.size() == 1) {
    return std::make_unique<TraceStateTarget>(row, std::move(keys.front()));
  }
  if (row.kind == PathKind::kTraceState) {
    return permanent("trace_state is indexed by one key");
  }
  if (row.kind == PathKind::kField) {
    return permanent(fmt::format("{} cannot be indexed", path.name()));
  }
  if (std::holds_alternative<std::int64_t>(keys.front())) {
    return permanent(fmt::format("{} is indexed by strings", path.name()));
  }
  if (keys.size() == 1 && std::holds_alternative<std::string>(keys.front())) {
    return std::make_unique<AttributeTarget>(part, std::get<std::string>(keys.front()), lookups);
  }
  return std::make_unique<NestedTarget>(part, std::move(keys));
}

}  // namespace

const AttributeTarget* as_attribute(const Getter& getter) {
  return dynamic_cast<const AttributeTarget*>(&getter);
}

otlp::ValueView find_view(const AttributeTarget& target, Record& record) {
  return target.find(record);
}

std::optional<Context> named_context(const PathSyntax& path) {
  if (path.segments.size() < 2) return std::nullopt;
  const auto* const found = std::ranges::find(kContextNames, path.segments.front().name,
                                              &std::pair<std::string_view, Context>::first);
  if (found == kContextNames.end()) return std::nullopt;
  return found->second;
}

Result<TargetPtr> make_target(const PathSyntax& path, Context context, std::vector<Key> keys,
                              Lookups* lookups) {
  const std::optional<Context> named = named_context(path);
  const Context part = named.value_or(context);
  if (part > context) {
    return permanent(fmt::format("{} is of the context {}, and this is the context {}", path.name(),
                                 context_name(part), context_name(context)));
  }
  for (std::size_t i = 0; i + 1 < path.segments.size(); ++i) {
    if (!path.segments[i].keys.empty()) {
      return permanent(fmt::format("{} is indexed before its end", path.name()));
    }
  }
  std::string name = path.name();
  if (named) name.erase(0, name.find('.') + 1);
  if (name == "cache" && part == context) return std::make_unique<CacheTarget>(std::move(keys));
  const std::span<const PathRow> rows = path_rows(part);
  const auto row = std::ranges::find(rows, name, &PathRow::name);
  if (row == rows.end()) return unknown_path(path, part);
  return make_row_target(path, part, *row, std::move(keys), lookups);
}

}  // namespace kernspan::ottl
