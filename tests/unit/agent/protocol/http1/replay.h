// Replays one case in every way that a connection could have been captured, and says where the
// parser's answer depends on it though it must not.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/protocol/http1/message_parser.h"
#include "tests/unit/agent/protocol/http1/event_log.h"

namespace kernspan::http1 {

// What happens on the wire, in order.
struct Action {
  enum class Kind { kFeed, kSkip, kLose, kFinish };
  Kind kind = Kind::kFeed;
  std::string bytes;  // kFeed: captured bytes; kSkip: the tail
  std::uint64_t skipped_bytes = 0;
};

struct Script {
  MessageKind kind = MessageKind::kRequest;
  Limits limits;
  std::vector<BodyRule> rules;
  std::vector<Action> actions;

  std::size_t fed_bytes() const;
  // All fed bytes in a row, if nothing else happens (but the end).
  bool is_plain() const;
};

// As written: one feed for each captured piece. `outcome` is what the last call returned.
EventLog replay_whole(const Script& script, ParseOutcome* outcome = nullptr);

// Each check returns a description of the first difference, or an empty string.
std::string check_split_everywhere(const Script& script);
std::string check_byte_by_byte(const Script& script);
std::string check_truncated_everywhere(const Script& script);

// Plain scripts only: a stretch of bytes is left out, once with its size known, once with size and
// last bytes known, once without either. What is reported must be among what there was. Tries every
// stretch, or about `stretches_max` of them where there are more.
std::string check_missing_middle(const Script& script, std::size_t stretches_max);

}  // namespace kernspan::http1
