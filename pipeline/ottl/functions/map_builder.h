#pragma once

#include <cstddef>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "pipeline/ottl/value.h"

namespace kernspan::ottl {

// Puts entries into a map whose size comes from outside: a Map looks for its keys by walking.
class MapBuilder {
 public:
  MapBuilder() = default;
  explicit MapBuilder(Map map) : map_(std::move(map)) {
    for (std::size_t i = 0; i < map_.size(); ++i) {
      positions_.try_emplace(map_.entries()[i].key.view(), i);
    }
  }

  bool has(std::string_view key) const { return positions_.contains(key); }
  // A key that is there keeps its place.
  void set(const Text& key, Value value) {
    const auto [position, is_new] = positions_.try_emplace(key.view(), map_.size());
    if (is_new) {
      map_.append(key, std::move(value));
    } else {
      map_.entries()[position->second].value = std::move(value);
    }
  }

  Map take() {
    positions_.clear();
    return std::exchange(map_, Map());
  }

 private:
  Map map_;
  // Keys are views of texts that the map keeps alive.
  std::unordered_map<std::string_view, std::size_t> positions_;
};

}  // namespace kernspan::ottl
