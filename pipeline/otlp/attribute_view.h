// Attributes as they lie on the wire: nothing is decoded before it is asked for, nothing is
// allocated. Views borrow the bytes of a batch (or of an index, which keeps them alive).
//
// The bytes of a Batch are well-formed throughout, so that a view need not report errors: given
// other bytes it ends where they stop making sense.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

#include "pipeline/otlp/wire_fields.h"
#include "pipeline/otlp/wire_reader.h"

namespace kernspan::otlp {

// The content of each occurrence of one length-delimited field, as a View made from it.
template <typename View>
class FieldRange {
 public:
  class Iterator {
   public:
    using value_type = View;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;

    Iterator() : reader_({}) {}
    Iterator(std::string_view message, std::uint32_t field) : reader_(message), field_(field) {
      ++*this;
    }
    View operator*() const { return View(found_.bytes); }
    Iterator& operator++() {
      while (true) {
        at_end_ = !reader_.next(found_);
        if (at_end_ || found_.is_bytes(field_)) return *this;
      }
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return at_end_; }

   private:
    WireReader reader_;
    WireField found_;
    std::uint32_t field_ = 0;
    bool at_end_ = true;
  };

  FieldRange() = default;
  FieldRange(std::string_view message, std::uint32_t field) : message_(message), field_(field) {}

  Iterator begin() const { return {message_, field_}; }
  std::default_sentinel_t end() const { return {}; }
  bool empty() const { return begin() == end(); }

 private:
  std::string_view message_;
  std::uint32_t field_ = 1;
};

enum class ValueKind : std::uint8_t {
  kNone = 0,  // no such attribute, or one without a value
  kString = wire::any_value::kString,
  kBool = wire::any_value::kBool,
  kInt = wire::any_value::kInt,
  kDouble = wire::any_value::kDouble,
  kArray = wire::any_value::kArray,
  kKvlist = wire::any_value::kKvlist,
  kBytes = wire::any_value::kBytes,
};

struct AttributeView;
class ValueView;
using AttributeRange = FieldRange<AttributeView>;
using ValueRange = FieldRange<ValueView>;

// An AnyValue. Nested at most kMaxMessageDepth messages deep (request_check.h).
class ValueView {
 public:
  ValueView() = default;
  explicit ValueView(std::string_view any_value);

  ValueKind kind() const { return kind_; }
  // Each is of one kind, and empty, zero or false for the others.
  std::string_view as_string() const { return kind_ == ValueKind::kString ? bytes_ : ""; }
  std::string_view as_bytes() const { return kind_ == ValueKind::kBytes ? bytes_ : ""; }
  bool as_bool() const { return kind_ == ValueKind::kBool && number_ != 0; }
  std::int64_t as_int() const {
    return kind_ == ValueKind::kInt ? static_cast<std::int64_t>(number_) : 0;
  }
  double as_double() const {
    return kind_ == ValueKind::kDouble ? std::bit_cast<double>(number_) : 0;
  }
  ValueRange items() const;        // of an array
  AttributeRange entries() const;  // of a kvlist

  // The encoded AnyValue.
  std::string_view wire() const { return wire_; }

 private:
  std::string_view wire_;
  std::string_view bytes_;
  std::uint64_t number_ = 0;
  ValueKind kind_ = ValueKind::kNone;
};

// A KeyValue.
struct AttributeView {
  AttributeView() = default;
  explicit AttributeView(std::string_view key_value);

  ValueView value() const { return ValueView(value_wire); }

  std::string_view key;
  std::string_view value_wire;
};

inline ValueRange ValueView::items() const {
  return kind_ == ValueKind::kArray ? ValueRange(bytes_, wire::value_list::kValues) : ValueRange();
}

inline AttributeRange ValueView::entries() const {
  return kind_ == ValueKind::kKvlist ? AttributeRange(bytes_, wire::value_list::kValues)
                                     : AttributeRange();
}

// The value of the first attribute of that key, as upstream; of kind kNone when there is none.
ValueView find_attribute(AttributeRange attributes, std::string_view key);

}  // namespace kernspan::otlp
