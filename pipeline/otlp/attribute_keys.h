#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kernspan::otlp {

// Several keys that are looked for together: one walk over a message's attributes finds all of them,
// and most attributes are passed by after a look at the length of their key.
class AttributeKeys {
 public:
  using Number = std::uint32_t;

  // Equal keys get one number.
  Number add(std::string_view key);
  std::size_t size() const { return keys_.size(); }
  const std::string& key(Number number) const { return keys_[number]; }
  bool empty() const { return keys_.empty(); }

  // Whether any key has that many bytes: most do not, and need no further look.
  bool has_key_of(std::size_t bytes) const {
    return (sizes_ >> std::min<std::size_t>(bytes, 63) & 1U) != 0;
  }
  std::optional<Number> number_of(std::string_view key) const;

  // `field` holds the message's attributes. values[number] becomes the encoded AnyValue of the first
  // attribute of that key, as find_attribute() has it: without data() where there is none, empty but
  // with data() where it has no value. As many values as there are keys.
  void find(std::string_view message, std::uint32_t field,
            std::span<std::string_view> values) const;

 private:
  class Walk;

  std::vector<std::string> keys_;
  // Bit n: some key has n bytes; the last bit: or more.
  std::uint64_t sizes_ = 0;
};

}  // namespace kernspan::otlp
