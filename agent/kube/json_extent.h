// Where a value of a JSON text ends that comes in pieces, without reading it: what has not changed
// need not be parsed. Only nesting and strings are looked at; whether a value is right its parser
// finds out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kernspan::kube {

class JsonExtent {
 public:
  explicit JsonExtent(std::size_t depth_max) : depth_max_(depth_max) {}

  // The next byte is a value's first.
  void begin();
  // How many of the bytes belong to the value. All, unless it ends before; a number or a word ends
  // with the byte behind it, which may be in the next piece.
  std::size_t take(std::string_view piece);

  bool is_over() const { return state_ == State::kOver; }
  // It is nested too deep, or there is none.
  bool is_bad() const { return state_ == State::kBad; }

 private:
  enum class State : std::uint8_t { kBegin, kWord, kNested, kString, kEscape, kOver, kBad };

  void step(char byte);
  void begin_with(char byte);

  const std::size_t depth_max_;
  std::size_t depth_ = 0;
  State state_ = State::kBegin;
};

}  // namespace kernspan::kube
