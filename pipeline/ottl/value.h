// The values that statements compute with. Small and cheap to copy: strings and bytes are borrowed
// from the telemetry where they can be, lists and maps are shared and copied when they are changed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "pipeline/base/error.h"
#include "pipeline/otlp/attribute_view.h"

namespace kernspan::ottl {

enum class ValueType : std::uint8_t {
  kNil,
  kBool,
  kInt,
  kDouble,
  kString,
  kBytes,  // ids of traces and spans as well
  kTime,
  kDuration,
  kList,
  kMap,
};

// For messages: "nil", "bool", "int", "double", "string", ...
std::string_view type_name(ValueType type);

// Bytes that are owned (shared by all copies) or borrowed. Borrowed ones come from the telemetry
// and stay valid until the record that they are from is closed, also when it is changed meanwhile.
class Text {
 public:
  Text() = default;
  static Text borrowed(std::string_view bytes) {
    Text text;
    text.view_ = bytes;
    return text;
  }
  static Text owned(std::string bytes) {
    Text text;
    text.owner_ = std::make_shared<const std::string>(std::move(bytes));
    text.view_ = *text.owner_;
    return text;
  }
  // A part of this text, with the same owner. `part` points into view().
  Text part(std::string_view part) const {
    Text text = *this;
    text.view_ = part;
    return text;
  }

  std::string_view view() const { return view_; }
  bool is_borrowed() const { return owner_ == nullptr; }
  bool operator==(const Text& other) const { return view_ == other.view_; }

 private:
  std::string_view view_;
  std::shared_ptr<const std::string> owner_;
};

// A point in time with the zone that it is shown in.
struct Time {
  std::int64_t unix_ns = 0;
  std::int32_t utc_offset_s = 0;  // east of Greenwich
  std::string zone = {};          // an IANA name, where one is known ("Europe/Berlin")
};

struct Duration {
  std::int64_t ns = 0;
};

class Value;
class Map;
using List = std::vector<Value>;

class Value {
 public:
  Value() = default;  // nil
  static Value boolean(bool value) { return Value(Made(), value); }
  static Value integer(std::int64_t value) { return Value(Made(), value); }
  static Value number(double value) { return Value(Made(), value); }
  static Value string(std::string value) {
    return Value(Made(), StringText{Text::owned(std::move(value))});
  }
  static Value string(Text value) { return Value(Made(), StringText{std::move(value)}); }
  static Value borrowed(std::string_view value) { return string(Text::borrowed(value)); }
  static Value bytes(std::string value) {
    return Value(Made(), BytesText{Text::owned(std::move(value))});
  }
  static Value bytes(Text value) { return Value(Made(), BytesText{std::move(value)}); }
  static Value time(Time value);
  static Value duration(Duration value) { return Value(Made(), value); }
  static Value list(List value);
  static Value map(Map value);

  // A value of the telemetry: strings are borrowed from the view's bytes, lists and maps decoded.
  // A value without a member is nil.
  static Value from_view(const otlp::ValueView& view);
  static Value from_attributes(otlp::AttributeRange attributes);

  ValueType type() const { return static_cast<ValueType>(data_.index()); }
  bool is(ValueType type_wanted) const { return type() == type_wanted; }
  bool is_nil() const { return is(ValueType::kNil); }

  // Each is for a value of that type only.
  bool as_bool() const { return std::get<bool>(data_); }
  std::int64_t as_int() const { return std::get<std::int64_t>(data_); }
  double as_double() const { return std::get<double>(data_); }
  // Valid as long as a copy of this value lives, and, when borrowed, as long as its record is open.
  std::string_view as_string() const { return std::get<StringText>(data_).text.view(); }
  std::string_view as_bytes() const { return std::get<BytesText>(data_).text.view(); }
  const Text& text() const;  // of a string or bytes
  const Time& as_time() const { return *std::get<TimeData>(data_); }
  Duration as_duration() const { return std::get<Duration>(data_); }
  const List& as_list() const { return *std::get<ListData>(data_); }
  const Map& as_map() const { return *std::get<MapData>(data_); }

  // The list or map to change: a copy of its own first when it is shared.
  List& mutable_list();
  Map& mutable_map();

 private:
  struct StringText {
    Text text;
  };
  struct BytesText {
    Text text;
  };
  using TimeData = std::shared_ptr<const Time>;
  using ListData = std::shared_ptr<List>;
  using MapData = std::shared_ptr<Map>;
  // In the order of ValueType.
  using Data = std::variant<std::monostate, bool, std::int64_t, double, StringText, BytesText,
                            TimeData, Duration, ListData, MapData>;

  // Told apart from all others: a constructor from anything would ask expected<Value> whether a
  // Value can be made of it, which it answers by asking Value.
  struct Made {};
  template <typename T>
  Value(Made /*tag*/, T data) : data_(std::in_place_type<T>, std::move(data)) {}

  Data data_;
};

// Keeps the order of its entries. Looked up by walking: attributes are few. Built from telemetry it
// may hold a key several times; then the first one is found.
class Map {
 public:
  struct Entry {
    Text key;
    Value value;
  };

  const Value* find(std::string_view key) const;
  Value* find(std::string_view key);
  void set(Text key, Value value);
  void set(std::string_view key, Value value);  // copies the key
  // Without a look whether the key is there.
  void append(Text key, Value value) { entries_.push_back({std::move(key), std::move(value)}); }
  bool erase(std::string_view key);

  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  const std::vector<Entry>& entries() const { return entries_; }
  std::vector<Entry>& entries() { return entries_; }

 private:
  std::vector<Entry> entries_;
};

enum class Comparison : std::uint8_t {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual
};

// Upstream's rules: numbers of different types as doubles, nil equal to nil alone, lists and maps
// for equality alone; values that cannot be compared are not equal, and none is less.
// Spec: pkg/ottl/LANGUAGE.md of opentelemetry-collector-contrib, "Comparison Rules".
bool compare(const Value& left, Comparison comparison, const Value& right);

// As upstream's StringLike: numbers as written, bytes in hex, lists and maps as JSON in their order,
// times in RFC 3339, durations as Go prints them; nothing for nil.
std::optional<Text> text_of(const Value& value);

// The encoded AnyValue: times and durations as they are in text, nil as a value without a member.
// Strings that are not UTF-8 get '?' for the bytes that are not.
std::string encode(const Value& value);

}  // namespace kernspan::ottl
