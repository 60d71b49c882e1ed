#include "agent/kube/pod_list_splitter.h"

#include <algorithm>
#include <utility>

namespace kernspan::kube {
namespace {

// A pod's own fields lie about 10 deep.
constexpr std::size_t kDepthMax = 64;
// Of keys and of values that are no pods: none that is looked for is longer.
constexpr std::size_t kWordBytesMax = 32;
// What is kept for the next list's pods.
constexpr std::size_t kKeptBytesMax = 64u << 10;

constexpr const char* kNotJson = "is cut, or not JSON";

bool is_space(char byte) {
  return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r';
}

}  // namespace

PodListSplitter::PodListSplitter(OnPod on_pod) : on_pod_(std::move(on_pod)), extent_(kDepthMax) {}

void PodListSplitter::begin() {
  place_ = Place::kStart;
  has_items_ = false;
  problem_ = nullptr;
  text_.clear();
  if (text_.capacity() > kKeptBytesMax) text_.shrink_to_fit();
}

void PodListSplitter::take(std::string_view piece) {
  while (!piece.empty() && problem_ == nullptr) {
    if (is_within_value()) {
      piece = take_value(piece);
      continue;
    }
    if (!is_space(piece.front())) {
      place_ = place_behind(piece.front());
      if (is_within_value()) {
        extent_.begin();
        continue;
      }
    }
    piece.remove_prefix(1);
  }
}

Status PodListSplitter::finish() const {
  const char* problem = problem_;
  if (problem == nullptr && place_ != Place::kEnd) problem = kNotJson;
  if (problem == nullptr && !has_items_) problem = "has no items";
  if (problem != nullptr) return permanent(std::string("the answer ") + problem);
  return {};
}

bool PodListSplitter::is_within_value() const {
  return place_ == Place::kKey || place_ == Place::kValue || place_ == Place::kItemsWord ||
         place_ == Place::kPod;
}

// The piece behind it. A pod that lies in one piece is not copied.
std::string_view PodListSplitter::take_value(std::string_view piece) {
  const std::size_t bytes = extent_.take(piece);
  const std::string_view part = piece.substr(0, bytes);
  const std::size_t bytes_max = place_ == Place::kPod ? kPodBytesMax : kWordBytesMax;
  if (extent_.is_bad()) {
    fail(kNotJson);
  } else if (place_ == Place::kPod && part.size() > bytes_max - text_.size()) {
    fail("has a pod larger than 4 MiB");
  } else if (extent_.is_over() && text_.empty()) {
    end_value(part);
  } else {
    text_.append(part.substr(0, bytes_max - text_.size()));
    if (extent_.is_over()) end_value(text_);
  }
  return piece.substr(bytes);
}

void PodListSplitter::end_value(std::string_view text) {
  switch (place_) {
    case Place::kKey:
      key_ = text.substr(0, kWordBytesMax);
      place_ = Place::kColon;
      break;
    case Place::kPod:
      on_pod_(text);
      place_ = Place::kAfterPod;
      break;
    case Place::kItemsWord:
      place_ = text == "null" ? Place::kAfterValue : fail("has items that are no list");
      break;
    default:
      if (key_ == "\"kind\"" && text != "\"PodList\"" && text != "\"List\"") {
        fail("is not a PodList");
      }
      place_ = Place::kAfterValue;
      break;
  }
  text_.clear();
}

// Where a byte between values leads. Where it is a value's first, that value is not over.
PodListSplitter::Place PodListSplitter::place_behind(char mark) {
  switch (place_) {
    case Place::kStart:
      return mark == '{' ? Place::kKeyOrEnd : fail("is not a JSON object");
    case Place::kKeyOrEnd:
    case Place::kKeyBegin:
      if (mark == '}' && place_ == Place::kKeyOrEnd) return Place::kEnd;
      return mark == '"' ? Place::kKey : fail(kNotJson);
    case Place::kColon:
      return mark == ':' ? Place::kValueBegin : fail(kNotJson);
    case Place::kValueBegin:
      if (key_ != "\"items\"") return Place::kValue;
      if (std::exchange(has_items_, true)) return fail("has two lists of items");
      return mark == '[' ? Place::kPodOrEnd : Place::kItemsWord;
    case Place::kPodOrEnd:
      return mark == ']' ? Place::kAfterValue : Place::kPod;
    case Place::kPodBegin:
      return Place::kPod;
    case Place::kAfterPod:
      if (mark == ']') return Place::kAfterValue;
      return mark == ',' ? Place::kPodBegin : fail(kNotJson);
    case Place::kAfterValue:
      if (mark == '}') return Place::kEnd;
      return mark == ',' ? Place::kKeyBegin : fail(kNotJson);
    default:
      return fail("goes on behind its end");
  }
}

PodListSplitter::Place PodListSplitter::fail(const char* problem) {
  problem_ = problem;
  return place_;
}

}  // namespace kernspan::kube
