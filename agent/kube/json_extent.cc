#include "agent/kube/json_extent.h"

namespace kernspan::kube {
namespace {

constexpr std::string_view kBehindWords = ",:]} \n\t\r";

}  // namespace

void JsonExtent::begin() {
  depth_ = 0;
  state_ = State::kBegin;
}

std::size_t JsonExtent::take(std::string_view piece) {
  std::size_t at = 0;
  while (at < piece.size() && !is_over() && !is_bad()) {
    if (state_ == State::kWord) {
      const std::size_t end = piece.find_first_of(kBehindWords, at);
      if (end == std::string_view::npos) return piece.size();
      state_ = State::kOver;
      return end;
    }
    step(piece[at]);
    ++at;
  }
  return at;
}

void JsonExtent::step(char byte) {
  switch (state_) {
    case State::kBegin:
      begin_with(byte);
      break;
    case State::kEscape:
      state_ = State::kString;
      break;
    case State::kString:
      if (byte == '\\') state_ = State::kEscape;
      if (byte == '"') state_ = depth_ == 0 ? State::kOver : State::kNested;
      break;
    case State::kNested:
      if (byte == '"') {
        state_ = State::kString;
      } else if (byte == '{' || byte == '[') {
        if (++depth_ > depth_max_) state_ = State::kBad;
      } else if (byte == '}' || byte == ']') {
        if (--depth_ == 0) state_ = State::kOver;
      }
      break;
    case State::kWord:
    case State::kOver:
    case State::kBad:
      break;
  }
}

void JsonExtent::begin_with(char byte) {
  if (byte == '"') {
    state_ = State::kString;
  } else if (byte == '{' || byte == '[') {
    depth_ = 1;
    state_ = depth_ > depth_max_ ? State::kBad : State::kNested;
  } else {
    state_ = kBehindWords.contains(byte) ? State::kBad : State::kWord;
  }
}

}  // namespace kernspan::kube
