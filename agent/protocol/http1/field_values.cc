#include "agent/protocol/http1/field_values.h"

#include <algorithm>

#include "agent/protocol/http1/characters.h"

namespace kernspan::http1 {
namespace {

std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    if (__builtin_mul_overflow(value, 10, &value) ||
        __builtin_add_overflow(value, static_cast<unsigned>(c - '0'), &value)) {
      return std::nullopt;
    }
  }
  return value;
}

// Calls visit(member) for each non-empty member of a comma-separated list, trimmed.
template <typename Visitor>
void for_each_member(std::string_view list, Visitor visit) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    if (const std::string_view member = trim(list.substr(0, comma)); !member.empty()) visit(member);
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
}

}  // namespace

void FramingFields::add_content_length(std::string_view value) {
  bool any = false;
  for_each_member(value, [&](std::string_view member) {
    any = true;
    const std::optional<std::uint64_t> length = parse_decimal(member);
    if (!length) {
      length_malformed_ = true;
    } else if (content_length_ && *content_length_ != *length) {
      length_conflict_ = true;
    } else {
      content_length_ = length;
    }
  });
  if (!any) length_malformed_ = true;
}

void FramingFields::add_transfer_encoding(std::string_view value) {
  for_each_member(value, [&](std::string_view member) {
    transfer_encoding_ = true;
    const std::string_view coding = trim(member.substr(0, member.find(';')));
    chunked_ = equals_ignoring_case(coding, "chunked");
  });
}

void FramingFields::add_connection(std::string_view value) {
  for_each_member(value, [&](std::string_view member) {
    if (equals_ignoring_case(member, "close")) close_ = true;
    if (equals_ignoring_case(member, "keep-alive")) keep_alive_ = true;
    if (equals_ignoring_case(member, "upgrade")) upgrade_ = true;
  });
}

std::optional<std::uint64_t> FramingFields::content_length() const {
  if (transfer_encoding_ || length_malformed_ || length_conflict_) return std::nullopt;
  return content_length_;
}

bool FramingFields::keep_alive(int version_minor) const {
  return !close_ && (version_minor >= 1 || keep_alive_);
}

std::string_view FramingFields::fault(bool is_request) const {
  if (transfer_encoding_) return is_request && !chunked_ ? "transfer_encoding" : "";
  if (length_malformed_) return "content_length";
  if (length_conflict_) return "content_length_conflict";
  return {};
}

}  // namespace kernspan::http1
