#include "agent/kube/pod.h"

#include <algorithm>

namespace kernspan::kube {
namespace {

const std::string* value_of(const Pairs& sorted, std::string_view key) {
  const auto at = std::ranges::lower_bound(sorted, key, {}, &Pairs::value_type::first);
  return at != sorted.end() && at->first == key ? &at->second : nullptr;
}

}  // namespace

const std::string* Pod::label(std::string_view key) const {
  return value_of(labels, key);
}

const std::string* Pod::annotation(std::string_view key) const {
  return value_of(annotations, key);
}

}  // namespace kernspan::kube
