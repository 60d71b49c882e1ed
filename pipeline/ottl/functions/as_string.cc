#include "pipeline/ottl/functions/as_string.h"

#include <fmt/format.h>

#include <cstdint>

namespace kernspan::ottl {
namespace {

bool has_padding(Base64 variant) {
  return variant == Base64::kStandard || variant == Base64::kUrl;
}

std::string_view alphabet_of(Base64 variant) {
  const bool is_url = variant == Base64::kUrl || variant == Base64::kUrlRaw;
  return is_url ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
}

std::unexpected<Error> not_base64(std::size_t at) {
  return permanent(fmt::format("illegal base64 data at input byte {}", at));
}

}  // namespace

std::string as_string(const Value& value) {
  if (value.is(ValueType::kBytes)) return base64_of(value.as_bytes());
  const std::optional<Text> text = text_of(value);
  return text ? std::string(text->view()) : "";
}

std::string base64_of(std::string_view bytes, Base64 variant) {
  const std::string_view alphabet = alphabet_of(variant);
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view group = bytes.substr(at, 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      bits = bits << 8 | (i < group.size() ? static_cast<std::uint8_t>(group[i]) : 0U);
    }
    for (std::size_t i = 0; i <= group.size(); ++i) text += alphabet[bits >> (18 - 6 * i) & 63];
    if (has_padding(variant)) text.append(3 - group.size(), '=');
  }
  return text;
}

Result<std::string> bytes_of_base64(std::string_view text, Base64 variant) {
  std::string_view digits = text;
  if (has_padding(variant)) {
    if (text.size() % 4 != 0) {
      const std::size_t bad = text.find_first_not_of(alphabet_of(variant));
      return not_base64(bad == std::string_view::npos ? text.size() / 4 * 4 : bad);
    }
    if (digits.ends_with('=')) digits.remove_suffix(1);
    if (digits.ends_with('=')) digits.remove_suffix(1);
  }
  if (digits.size() % 4 == 1) return not_base64(digits.size() - 1);
  std::string bytes;
  bytes.reserve(digits.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  unsigned bit_count = 0;
  for (std::size_t at = 0; at < digits.size(); ++at) {
    const std::size_t digit = alphabet_of(variant).find(digits[at]);
    if (digit == std::string_view::npos) return not_base64(at);
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    bit_count += 6;
    if (bit_count < 8) continue;
    bit_count -= 8;
    bytes += static_cast<char>(bits >> bit_count & 0xFF);
  }
  return bytes;
}

}  // namespace kernspan::ottl
