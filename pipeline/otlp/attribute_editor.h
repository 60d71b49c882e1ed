// The attributes of one resource or span, open for changes. What is not changed keeps its bytes,
// unknown fields and order included.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/otlp/attribute_view.h"
#include "pipeline/otlp/span_encoder.h"

namespace kernspan::otlp {

// The encoded AnyValue of a value; what the editor takes. Encode once what is configured. Bytes of
// strings that are not UTF-8 become '?'.
std::string encode_value(const AttributeValue& value);

// Where a key occurs several times the first occurrence is the attribute, as upstream. Reused from
// one message to the next, so that in steady state it allocates only for what it changes.
class AttributeEditor {
 public:
  // Opens the attributes (field number `field`) of a message. What `message` points to must outlive
  // the changes.
  void open(std::string_view message, std::uint32_t field);
  // Adds the attributes of another occurrence of the same message.
  void open_more(std::string_view message);

  // As changed so far. Valid until the next change.
  ValueView find(std::string_view key) const;
  std::size_t size() const { return entries_.size(); }
  std::string_view key(std::size_t position) const { return entries_[position].key; }
  ValueView value(std::size_t position) const { return ValueView(entries_[position].value); }

  // Keys and values (encoded AnyValues: encode_value(), or ValueView::wire() of any view) are
  // copied. A value that equals the present one changes nothing.
  void upsert(std::string_view key, std::string_view encoded_value);
  bool insert(std::string_view key, std::string_view encoded_value);  // false: there is one
  bool update(std::string_view key, std::string_view encoded_value);  // false: there is none

  // The attributes are these, in this order. Those that stay the same keep their bytes. Costs as much
  // as the numbers of old and new ones together.
  struct Attribute {
    std::string_view key;
    std::string encoded_value;
  };
  void assign(std::span<const Attribute> attributes);

  // Removes every occurrence of the key; false when there was none.
  bool erase(std::string_view key);
  // Removes what `condemned` answers true for; the number of attributes removed.
  std::size_t erase_if(const std::function<bool(std::string_view key, ValueView value)>& condemned);

  bool changed() const { return changed_; }
  // Of all changes so far, those that others have replaced included.
  std::size_t kept_bytes() const { return kept_bytes_; }
  // All attributes as fields of their message, in order.
  void append_to(std::string& out) const;

 private:
  struct Entry {
    std::string_view key;
    std::string_view value;  // encoded
    std::string_view whole;  // the field as it came; empty when it is new or was changed
  };

  Entry* entry(std::string_view key);
  std::string_view keep(std::string_view bytes);
  void set(Entry& entry, std::string_view encoded_value);

  std::uint32_t field_ = 0;
  std::vector<Entry> entries_;
  std::deque<std::string> kept_;  // keys and values of the changes
  std::size_t kept_bytes_ = 0;
  bool changed_ = false;
};

}  // namespace kernspan::otlp
