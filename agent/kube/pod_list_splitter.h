// Cuts a PodList that comes in pieces into the texts of its pods: of several megabytes never more
// than one pod is held.
//
//   { "kind": "PodList", ..., "items": [ pod, pod, ... ], ... }      the keys in any order
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "agent/kube/json_extent.h"
#include "pipeline/base/error.h"

namespace kernspan::kube {

class PodListSplitter {
 public:
  // The text holds until the function returns.
  using OnPod = std::function<void(std::string_view text)>;

  // What the API server keeps is below 1.5 MiB.
  static constexpr std::size_t kPodBytesMax = 4u << 20;

  explicit PodListSplitter(OnPod on_pod);

  void begin();
  void take(std::string_view piece);
  // Behind the last piece: whether it was a whole PodList.
  Status finish() const;

 private:
  enum class Place : std::uint8_t {
    kStart,
    kKeyOrEnd,
    kKeyBegin,
    kKey,
    kColon,
    kValueBegin,
    kValue,
    kItemsWord,  // "null", of Go's empty slices
    kPodOrEnd,
    kPodBegin,
    kPod,
    kAfterPod,
    kAfterValue,
    kEnd,
  };

  bool is_within_value() const;
  std::string_view take_value(std::string_view piece);
  void end_value(std::string_view text);
  Place place_behind(char mark);
  Place fail(const char* problem);

  const OnPod on_pod_;
  JsonExtent extent_;
  Place place_ = Place::kStart;
  std::string text_;  // of the value that is not over, where it is looked at
  std::string key_;
  bool has_items_ = false;
  const char* problem_ = nullptr;  // null: there is none so far
};

}  // namespace kernspan::kube
