#include "pipeline/ottl/functions/json_value.h"

#include <fmt/format.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/ottl/functions/map_builder.h"

namespace kernspan::ottl {
namespace {

// Builds the value while the parser reads; refusing ends the parse.
class JsonValueHandler final : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return add(Value()); }
  bool boolean(bool value) override { return add(Value::boolean(value)); }
  bool number_integer(number_integer_t value) override {
    return add(Value::number(static_cast<double>(value)));
  }
  bool number_unsigned(number_unsigned_t value) override {
    return add(Value::number(static_cast<double>(value)));
  }
  bool number_float(number_float_t value, const string_t& /*text*/) override {
    return add(Value::number(value));
  }
  bool string(string_t& value) override { return add(Value::string(std::move(value))); }
  bool binary(binary_t& /*value*/) override { return false; }

  bool start_object(std::size_t /*size*/) override { return open(false); }
  bool key(string_t& key) override {
    open_.back().key = Text::owned(std::move(key));
    return true;
  }
  bool end_object() override {
    Value value = Value::map(open_.back().map.take());
    return close(std::move(value));
  }
  bool start_array(std::size_t /*size*/) override { return open(true); }
  bool end_array() override {
    Value value = Value::list(std::move(open_.back().list));
    return close(std::move(value));
  }
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) override {
    error_ = fmt::format("it is not JSON from byte {} on", position);
    return false;
  }

  Value& value() { return value_; }
  const std::string& error() const { return error_; }

 private:
  struct Open {
    bool is_list;
    List list = {};
    MapBuilder map = {};
    Text key = {};
  };

  bool open(bool is_list) {
    if (open_.size() == kMaxJsonDepth) {
      error_ = fmt::format("it is nested more than {} levels deep", kMaxJsonDepth);
      return false;
    }
    open_.push_back({.is_list = is_list});
    return true;
  }

  bool close(Value value) {
    open_.pop_back();
    return add(std::move(value));
  }

  bool add(Value value) {
    if (open_.empty()) {
      value_ = std::move(value);
    } else if (open_.back().is_list) {
      open_.back().list.push_back(std::move(value));
    } else {
      open_.back().map.set(open_.back().key, std::move(value));
    }
    return true;
  }

  std::vector<Open> open_;
  Value value_;
  std::string error_;
};

}  // namespace

Result<Value> parse_json(std::string_view text) {
  JsonValueHandler handler;
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &handler)) {
    return permanent(fmt::format("could not parse JSON: {}", handler.error()));
  }
  Value& value = handler.value();
  if (!value.is(ValueType::kMap) && !value.is(ValueType::kList)) {
    return permanent(fmt::format("could not convert parsed value of type {} to JSON object",
                                 type_name(value.type())));
  }
  return std::move(value);
}

}  // namespace kernspan::ottl
