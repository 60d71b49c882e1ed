#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kernspan::otlp {

// The parts of a JSON text, appended to a string. `first` belongs to the object or array that is
// open: true until something is in it.
class JsonText {
 public:
  explicit JsonText(std::string& out) : out_(out) {}

  void separate(bool& first);                    // the comma in front of an item
  void key(bool& first, std::string_view name);  // ,"name":
  void string(bool& first, std::string_view name, std::string_view text);
  void optional_string(bool& first, std::string_view name, std::string_view text);
  // uint32 and enumerations, left out when 0. A longer varint is cut to 32 bits, as protobuf does.
  void optional_number(bool& first, std::string_view name, std::uint64_t value);
  void optional_enum(bool& first, std::string_view name, std::uint64_t value);
  void quoted_number(bool& first, std::string_view name, std::uint64_t value);
  void hex(bool& first, std::string_view name, std::string_view bytes);

  void number(std::int64_t value);
  void floating(
      double value);  // JSON has no NaN and no infinities: protobuf writes them as strings
  void quote(std::string_view text);  // what is not UTF-8 becomes '?'
  void base64(std::string_view bytes);

 protected:
  std::string& out_;
};

}  // namespace kernspan::otlp
