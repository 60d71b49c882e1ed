#include "agent/process/otel_environment.h"

#include <algorithm>
#include <cstddef>
#include <optional>

#include "agent/process/utf8.h"
#include "pipeline/base/percent_encoding.h"

namespace kernspan::process {
namespace {

constexpr std::size_t kPairsMax = 64;
// What one process can make the agent keep.
constexpr std::size_t kTextBytesMax = 4096;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

}  // namespace

Result<ResourceAttributes> parse_resource_attributes(std::string_view text) {
  if (text.size() > kTextBytesMax) {
    return permanent("OTEL_RESOURCE_ATTRIBUTES: longer than 4096 bytes");
  }
  ResourceAttributes attributes;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    const std::string_view pair = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;  // "a=b," is common, and clear
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) {
      return permanent("OTEL_RESOURCE_ATTRIBUTES: a pair has no '='; write key=value,key=value");
    }
    const auto key = percent_decoded(trimmed(pair.substr(0, equals)));
    const auto value = percent_decoded(trimmed(pair.substr(equals + 1)));
    if (!key || !value) {
      return permanent("OTEL_RESOURCE_ATTRIBUTES: '%' without two hex digits; write %25 for '%'");
    }
    if (key->empty()) return permanent("OTEL_RESOURCE_ATTRIBUTES: a key is empty");
    // U+FFFD is three bytes for one: three times the text is room for all.
    std::string name = to_utf8(*key, 3 * kTextBytesMax);
    const auto same = std::ranges::find(attributes, name, &ResourceAttributes::value_type::first);
    if (same != attributes.end()) {
      same->second = to_utf8(*value, 3 * kTextBytesMax);
      continue;
    }
    if (attributes.size() == kPairsMax) {
      return permanent("OTEL_RESOURCE_ATTRIBUTES: more than 64 pairs");
    }
    attributes.emplace_back(std::move(name), to_utf8(*value, 3 * kTextBytesMax));
  }
  return attributes;
}

std::string_view find_attribute(const ResourceAttributes& attributes, std::string_view key) {
  const auto found = std::ranges::find(attributes, key, &ResourceAttributes::value_type::first);
  return found == attributes.end() ? std::string_view{} : std::string_view(found->second);
}

}  // namespace kernspan::process
