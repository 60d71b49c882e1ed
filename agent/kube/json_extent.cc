#include "agent/kube/json_extent.h"

#include <cstring>

namespace kernspan::kube {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

// `at` is that of the opening quote.
std::size_t string_end(std::string_view text, std::size_t at) {
  std::size_t from = at + 1;
  while (from < text.size()) {
    const void* found = std::memchr(text.data() + from, '"', text.size() - from);
    if (found == nullptr) return kNone;
    const auto quote = static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
    std::size_t backslashes = 0;
    while (quote - backslashes > from && text[quote - backslashes - 1] == '\\') ++backslashes;
    if (backslashes % 2 == 0) return quote + 1;
    from = quote + 1;
  }
  return kNone;
}

std::size_t nested_end(std::string_view text, std::size_t at, std::size_t depth_max) {
  std::size_t depth = 0;
  while (at < text.size()) {
    switch (text[at]) {
      case '"':
        at = string_end(text, at);
        if (at == kNone) return kNone;
        continue;
      case '{':
      case '[':
        if (++depth > depth_max) return kNone;
        break;
      case '}':
      case ']':
        if (--depth == 0) return at + 1;
        break;
      default:
        break;
    }
    ++at;
  }
  return kNone;
}

}  // namespace

std::size_t skip_space(std::string_view text, std::size_t at) {
  while (at < text.size() &&
         (text[at] == ' ' || text[at] == '\n' || text[at] == '\t' || text[at] == '\r')) {
    ++at;
  }
  return at;
}

std::size_t value_end(std::string_view text, std::size_t at, std::size_t depth_max) {
  if (at >= text.size()) return kNone;
  if (text[at] == '"') return string_end(text, at);
  if (text[at] == '{' || text[at] == '[') return nested_end(text, at, depth_max);
  const std::size_t end = text.find_first_of(",]} \n\t\r", at);
  return end == at ? kNone : end;
}

}  // namespace kernspan::kube
