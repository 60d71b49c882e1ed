#pragma once

#include <cstddef>

namespace kernspan {

// Has the processor fetch all of the object into its caches, in the background.
template <typename T>
void prefetch(const T& object) {
  constexpr std::size_t kCacheLineBytes = 64;
  const auto* bytes = reinterpret_cast<const char*>(&object);
  for (std::size_t at = 0; at < sizeof object; at += kCacheLineBytes) {
    __builtin_prefetch(bytes + at);
  }
}

}  // namespace kernspan
