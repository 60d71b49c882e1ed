// Checks one message of a request, all of it in one piece. Behind request_check.h.
#pragma once

#include <cstddef>
#include <string>

#include "pipeline/otlp/message_rules.h"
#include "pipeline/otlp/wire_reader.h"

namespace kernspan::otlp {

class SpanFindings;

class MessageCheck {
 public:
  MessageCheck() = default;
  // Spans are noted there; null: nowhere.
  explicit MessageCheck(SpanFindings* findings) : findings_(findings) {}

  // False when the fields from `cursor` on are not those of a well-formed message; then reason()
  // says why. `depth` messages are around it.
  bool message(MessageName name, const char* cursor, const char* end, int depth);
  // Items in what was checked so far.
  std::size_t items() const { return items_; }

  // For what the caller finds itself; false.
  bool refuse(std::string reason);
  bool refuse(const FieldRule& rule, WireError error);
  const std::string& reason() const { return reason_; }

 private:
  SpanFindings* findings_ = nullptr;
  std::size_t items_ = 0;
  std::string reason_;
};

}  // namespace kernspan::otlp
