// Request lines and status lines, whole, begun or guessed. Spec: RFC 9112 sections 3 and 4.
#pragma once

#include <cstddef>
#include <string_view>

#include "agent/protocol/http1/message.h"

namespace kernspan::http1 {

// Methods are tokens without a limit in the RFC; the longest registered one has 17 characters.
inline constexpr std::size_t kMethodBytesMax = 32;

struct StartLine {
  int version_minor = 1;
  // Requests; both views point into the line.
  std::string_view method;
  std::string_view target;
  // Responses; 0 while unknown.
  int status = 0;
};

// `line` is without its line end, and check_begun_start_line() found nothing. Spaces and tabs may
// be repeated and may trail (RFC 9112 section 3). Returns what is wrong, as a counter's label, or
// an empty view.
std::string_view parse_start_line(MessageKind kind, std::string_view line, StartLine& out);

// What is certain already of a line that was cut: the method if a space follows it, the status if
// all its digits are there. Returns false if neither is.
bool parse_cut_start_line(MessageKind kind, std::string_view begun, StartLine& out);

// Judges a line of which only the beginning is known: a reason as soon as no continuation can make
// it a start line, an empty view before. So a connection that speaks something else is known by its
// first bytes.
std::string_view check_begun_start_line(MessageKind kind, std::string_view begun);

enum class StartGuess {
  kNo,
  kUndecided,  // too few bytes, all of which fit
  kYes,
};

// Whether bytes in the middle of a stream begin a message. Stricter for requests than a parser that
// is in step: only methods that are in use, else half a method ("ET /") would be one.
StartGuess guess_start(MessageKind kind, std::string_view bytes);

}  // namespace kernspan::http1
