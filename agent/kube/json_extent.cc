#include "agent/kube/json_extent.h"

#include <array>

namespace kernspan::kube {
namespace {

constexpr std::string_view kBehindWords = ",:]} \n\t\r";

using Marks = std::array<bool, 256>;

constexpr Marks marks_of(std::string_view bytes) {
  Marks marks{};
  for (const char byte : bytes) marks[static_cast<unsigned char>(byte)] = true;
  return marks;
}

// What changes the state; megabytes of other bytes are passed at one lookup each.
constexpr Marks kInString = marks_of("\"\\");
constexpr Marks kInNested = marks_of("\"{}[]");

std::size_t find_mark(std::string_view piece, std::size_t at, const Marks& marks) {
  while (at < piece.size() && !marks[static_cast<unsigned char>(piece[at])]) ++at;
  return at;
}

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
    if (state_ == State::kString) at = find_mark(piece, at, kInString);
    if (state_ == State::kNested) at = find_mark(piece, at, kInNested);
    if (at == piece.size()) break;
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
