// One message of the telemetry (a resource, scope, span or event) that statements look at and may
// change. What is only read stays where it is; the first change opens the attributes for editing or
// notes the new field, and append_to() writes the message anew: what was not changed keeps its bytes,
// unknown fields included.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/otlp/attribute_editor.h"
#include "pipeline/otlp/attribute_keys.h"
#include "pipeline/otlp/attribute_view.h"
#include "pipeline/otlp/span_index.h"
#include "pipeline/ottl/value.h"

namespace kernspan::ottl {

// Reused from one message to the next. One thread.
class OpenMessage {
 public:
  // The keys that find() will be asked for by number, found in one walk; they outlive this.
  void look_for(const otlp::AttributeKeys& keys) {
    keys_ = &keys;
    values_.resize(keys.size());
  }

  // `bytes` outlive the changes. Values borrowed from the message that was open are no longer valid.
  void open(std::string_view bytes, std::uint32_t attributes_field);

  // Of the message that was opened, a span, those keys have been found already: by these numbers.
  void take_found(const otlp::SpanIndex& index, std::size_t span,
                  std::span<const otlp::AttributeKeys::Number> numbers) {
    for (std::size_t i = 0; i < numbers.size(); ++i) values_[i] = index.found(span, numbers[i]);
    is_read_ = true;
  }

  std::string_view bytes() const { return bytes_; }  // as it came

  // As changed so far.
  otlp::ValueView find(std::string_view key) const;
  // The same of `key`, which is that number of `keys`.
  otlp::ValueView find(std::string_view key, const otlp::AttributeKeys* keys,
                       otlp::AttributeKeys::Number number) {
    if (keys == nullptr || keys != keys_ || open_editor() != nullptr) return find(key);
    if (!is_read_) read_values();
    return otlp::ValueView(values_[number]);
  }
  Value attributes() const;
  std::uint64_t number(std::uint32_t field) const;                    // 0 without one
  std::string_view content(std::uint32_t field) const;                // empty without one
  std::vector<std::string_view> contents(std::uint32_t field) const;  // of a repeated field

  void set_attribute(std::string_view key, const Value& value);
  // Entries that stay the same keep their bytes.
  void set_attributes(const Map& attributes);

  // The field becomes one occurrence, or none: of a number that is 0 and of bytes that are empty.
  void set_varint(std::uint32_t field, std::uint64_t value);
  void set_fixed64(std::uint32_t field, std::uint64_t value);
  void set_content(std::uint32_t field, std::string_view value);
  // All occurrences, encoded with their tags.
  void set_fields(std::uint32_t field, std::string fields);

  // Of all changes so far, those that others have replaced included: what was read of them stays.
  std::size_t kept_bytes() const;

  bool changed() const;
  void append_to(std::string& out) const;

 private:
  struct Replacement {
    std::uint32_t field;
    std::string_view fields;
  };
  // Made with the first change: most messages are only read.
  struct Edit {
    bool in_use = false;
    bool attributes_open = false;
    otlp::AttributeEditor attributes;
    std::vector<Replacement> replacements;
    std::deque<std::string> kept;  // what was replaced by what was replaced again stays valid
    std::size_t kept_bytes = 0;
  };

  void read_values();
  Edit& edit();
  otlp::AttributeEditor& editor();
  const otlp::AttributeEditor* open_editor() const {
    return edit_ != nullptr && edit_->in_use && edit_->attributes_open ? &edit_->attributes
                                                                       : nullptr;
  }
  // The message in which to look for a field: the replacement, when there is one.
  std::string_view source(std::uint32_t field) const;

  std::string_view bytes_;
  std::uint32_t attributes_field_ = 0;
  const otlp::AttributeKeys* keys_ = nullptr;
  std::vector<std::string_view> values_;  // of keys_, in bytes_; once is_read_
  bool is_read_ = false;
  std::unique_ptr<Edit> edit_;
};

}  // namespace kernspan::ottl
