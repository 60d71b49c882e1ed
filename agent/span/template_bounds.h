// How many different templates a service may have that were guessed: beyond that all are one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace kernspan {

// One thread.
class TemplateBounds {
 public:
  // Of all services together, about 150 bytes each. When they are reached all are forgotten: a node
  // whose services have all gone must not keep their templates.
  static constexpr std::size_t kTotalMax = 16'384;

  // Whether the service may show this template; takes it in if there is room, and `may_add`.
  bool admits(std::string_view service, std::string_view text, std::size_t per_service_max,
              bool may_add);

  std::size_t size() const { return total_; }
  std::uint64_t forgotten() const { return forgotten_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  using Texts = std::unordered_set<std::string, Hash, std::equal_to<>>;

  std::unordered_map<std::string, Texts, Hash, std::equal_to<>> services_;
  std::size_t total_ = 0;
  std::uint64_t forgotten_ = 0;
};

}  // namespace kernspan
