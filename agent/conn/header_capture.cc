#include "agent/conn/header_capture.h"

#include <algorithm>

namespace kernspan {
namespace {

char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_same_name(std::string_view name, std::string_view lower) {
  return std::equal(name.begin(), name.end(), lower.begin(), lower.end(),
                    [](char a, char b) { return ascii_lower(a) == b; });
}

}  // namespace

HeaderNames::HeaderNames(const std::vector<std::string>& names) {
  for (std::string name : names) {
    std::transform(name.begin(), name.end(), name.begin(), ascii_lower);
    sizes_ |= size_bit(name.size());
    names_.push_back(std::move(name));
  }
  std::sort(names_.begin(), names_.end());
  names_.erase(std::unique(names_.begin(), names_.end()), names_.end());
}

const std::string* HeaderNames::find(std::string_view name) const {
  if ((sizes_ & size_bit(name.size())) == 0) return nullptr;
  for (const std::string& lower : names_) {
    if (is_same_name(name, lower)) return &lower;
  }
  return nullptr;
}

void CapturedHeaders::add(bool of_response, const std::string& name, std::string_view value) {
  if (value.size() > kValueBytesMax) {
    ++budget_.too_long;
    return;
  }
  if (fields_.size() >= kValuesMax) {
    ++budget_.too_many;
    return;
  }
  const std::size_t bytes = sizeof(CapturedHeader) + name.size() + value.size();
  if (budget_.bytes + bytes > HeaderBudget::kBytesMax) {
    ++budget_.no_room;
    return;
  }
  budget_.bytes += bytes;
  bytes_ += bytes;
  fields_.push_back({.of_response = of_response, .name = name, .value = std::string(value)});
}

}  // namespace kernspan
