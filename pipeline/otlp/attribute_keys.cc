#include "pipeline/otlp/attribute_keys.h"

#include <algorithm>
#include <cstring>

#include "pipeline/otlp/attribute_view.h"
#include "pipeline/otlp/wire_fields.h"
#include "pipeline/otlp/wire_reader.h"

namespace kernspan::otlp {
namespace {

constexpr std::uint64_t size_bit(std::size_t size) {
  return std::uint64_t{1} << std::min<std::size_t>(size, 63);
}

constexpr std::uint8_t tag_of(std::uint32_t field) {
  return static_cast<std::uint8_t>(wire_tag(field, WireType::kBytes));
}

std::uint8_t byte_at(const char* cursor) {
  return static_cast<std::uint8_t>(*cursor);
}

// Inlined: keys are short, and a call costs more than the comparison.
bool is_equal(std::string_view key, const char* other) {
  const char* text = key.data();
  std::size_t left = key.size();
  for (; left >= 8; left -= 8, text += 8, other += 8) {
    if (read_little_endian<std::uint64_t>(text) != read_little_endian<std::uint64_t>(other)) {
      return false;
    }
  }
  for (; left != 0; --left, ++text, ++other) {
    if (*text != *other) return false;
  }
  return true;
}

}  // namespace

// One message.
class AttributeKeys::Walk {
 public:
  Walk(const AttributeKeys& keys, std::span<std::string_view> values)
      : keys_(keys), values_(values), missing_(values.size()) {}

  void run(std::string_view message, std::uint32_t field) {
    const bool has_short_tag = field < 16;
    const std::uint8_t tag = tag_of(field);
    const char* cursor = message.data();
    const char* const end = cursor + message.size();
    while (cursor != end && missing_ != 0) {
      // An attribute as nearly all are: a length of one byte.
      if (has_short_tag && byte_at(cursor) == tag && end - cursor > 2 &&
          byte_at(cursor + 1) < 0x80 && end - cursor - 2 >= byte_at(cursor + 1)) {
        const char* const content = cursor + 2;
        cursor = content + byte_at(cursor + 1);
        attribute(content, cursor);
        continue;
      }
      WireReader reader({cursor, static_cast<std::size_t>(end - cursor)});
      WireField other;
      if (!reader.next(other)) return;
      if (other.is_bytes(field)) any_attribute(other.bytes);
      cursor += other.whole.size();
    }
  }

 private:
  // Less than 128 bytes. Key and value once each, as encoders write them; else the long way.
  void attribute(const char* content, const char* end) {
    constexpr std::uint8_t kKeyTag = tag_of(wire::key_value::kKey);
    constexpr std::uint8_t kValueTag = tag_of(wire::key_value::kValue);
    const auto size = static_cast<std::size_t>(end - content);
    if (size < 4 || byte_at(content) != kKeyTag || size < byte_at(content + 1) + 4U) {
      return any_attribute({content, size});
    }
    const std::size_t key_size = byte_at(content + 1);
    const char* const value = content + 2 + key_size;
    if (byte_at(value) != kValueTag || value + 2 + byte_at(value + 1) != end) {
      return any_attribute({content, size});
    }
    if (!keys_.has_key_of(key_size)) return;
    if (const auto key = keys_.number_of({content + 2, key_size})) {
      found(*key, {value + 2, byte_at(value + 1)});
    }
  }

  void any_attribute(std::string_view key_value) {
    const AttributeView attribute(key_value);
    for (std::size_t key = 0; key < values_.size(); ++key) {
      if (keys_.keys_[key] != attribute.key) continue;
      return found(key, attribute.value_wire.data() != nullptr ? attribute.value_wire : "");
    }
  }

  void found(std::size_t key, std::string_view value) {
    if (values_[key].data() != nullptr) return;  // the first one counts
    values_[key] = value;
    --missing_;
  }

  const AttributeKeys& keys_;
  const std::span<std::string_view> values_;
  std::size_t missing_;
};

AttributeKeys::Number AttributeKeys::add(std::string_view key) {
  const auto found = std::ranges::find(keys_, key);
  if (found != keys_.end()) return static_cast<Number>(found - keys_.begin());
  keys_.emplace_back(key);
  sizes_ |= size_bit(key.size());
  return static_cast<Number>(keys_.size() - 1);
}

std::optional<AttributeKeys::Number> AttributeKeys::number_of(std::string_view key) const {
  for (std::size_t number = 0; number < keys_.size(); ++number) {
    const std::string& wanted = keys_[number];
    if (wanted.size() == key.size() && is_equal(wanted, key.data())) {
      return static_cast<Number>(number);
    }
  }
  return std::nullopt;
}

void AttributeKeys::find(std::string_view message, std::uint32_t field,
                         std::span<std::string_view> values) const {
  std::ranges::fill(values, std::string_view());
  Walk(*this, values).run(message, field);
}

}  // namespace kernspan::otlp
