#include "tests/unit/agent/protocol/http1/replay.h"

#include <algorithm>
#include <optional>

#include "agent/protocol/http1/start_line.h"

namespace kernspan::http1 {
namespace {

constexpr std::size_t kTailBytes = 8;

std::string show(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += "    " + line + "\n";
  return text;
}

std::string difference(const std::string& how, const std::vector<std::string>& expected,
                       const std::vector<std::string>& actual) {
  if (expected == actual) return {};
  return how + ":\n  expected\n" + show(expected) + "  got\n" + show(actual);
}

// Feeds at most `piece_max` bytes at a time, and cuts once more at `cut_at` of all fed bytes; stops
// behind `stop_at` of them.
struct Feeding {
  std::size_t piece_max = SIZE_MAX;
  std::size_t cut_at = SIZE_MAX;
  std::size_t stop_at = SIZE_MAX;
};

EventLog replay(const Script& script, Feeding feeding, ParseOutcome* outcome = nullptr) {
  MessageParser parser(script.kind, script.limits);
  EventLog log(script.rules);
  ParseOutcome last = ParseOutcome::kFrame;
  std::size_t fed = 0;
  for (const Action& action : script.actions) {
    std::string_view left = action.bytes;
    switch (action.kind) {
      case Action::Kind::kFeed:
        while (!left.empty() && fed < feeding.stop_at) {
          std::size_t size = std::min({left.size(), feeding.piece_max, feeding.stop_at - fed});
          if (fed < feeding.cut_at) size = std::min(size, feeding.cut_at - fed);
          // A copy of its own, so that reading beyond the piece is seen by the sanitizers.
          const std::vector<char> piece(left.begin(),
                                        left.begin() + static_cast<std::ptrdiff_t>(size));
          last = parser.feed({piece.data(), piece.size()}, log);
          left.remove_prefix(size);
          fed += size;
        }
        if (!left.empty()) return log;
        break;
      case Action::Kind::kSkip:
        last = parser.skip(action.skipped_bytes, action.bytes, log);
        break;
      case Action::Kind::kLose:
        last = parser.lose(log);
        break;
      case Action::Kind::kFinish:
        parser.finish(log);
        break;
    }
  }
  if (outcome != nullptr) *outcome = last;
  return log;
}

// The state behind each byte of a plain stream, fed byte by byte.
struct Trail {
  std::vector<bool> in_body;         // behind the first i bytes
  std::vector<std::size_t> events;   // reported behind the first i bytes
  std::vector<bool> message_starts;  // the byte at i is a message's first
};

Trail follow(const Script& script, std::string_view bytes) {
  MessageParser parser(script.kind, script.limits);
  EventLog log(script.rules);
  Trail trail;
  trail.in_body.push_back(false);
  trail.events.push_back(0);
  trail.message_starts.assign(bytes.size() + 1, false);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::size_t before = log.in_step().size();
    parser.feed(bytes.substr(i, 1), log);
    for (std::size_t line = before; line < log.in_step().size(); ++line) {
      if (log.lines()[line] == "begin") trail.message_starts[i] = true;
    }
    trail.in_body.push_back(parser.in_body());
    trail.events.push_back(log.lines().size());
  }
  return trail;
}

// Resuming where bytes only look like a start cannot be told from resuming at a start.
bool resumes_at_false_start(const Script& script, std::string_view bytes, std::size_t at,
                            const Trail& trail) {
  while (at < bytes.size() && (bytes[at] == '\r' || bytes[at] == '\n')) ++at;
  if (at == bytes.size() || trail.message_starts[at]) return false;
  return guess_start(script.kind, bytes.substr(at)) != StartGuess::kNo;
}

// Whether a head that was cut is what stands at the beginning of a message, be that valid in the
// end or not.
bool is_begun_head(const EventLog::ReportedHead& head, std::string_view bytes, const Trail& trail) {
  const std::string start =
      head.status != 0 ? std::to_string(head.status) : head.method + " " + head.target;
  const std::size_t at = head.status != 0 ? std::string_view("HTTP/1.1 ").size() : 0;
  for (std::size_t i = 0; i + at < bytes.size(); ++i) {
    if (trail.message_starts[i] && bytes.substr(i + at).starts_with(start)) return true;
  }
  return false;
}

// Whether a whole head stands somewhere behind bytes that are refused when nothing is missing.
bool stands_behind_refused(const EventLog::ReportedHead& head, const EventLog& whole,
                           std::string_view bytes) {
  const std::string start = head.status != 0 ? "HTTP/1." + std::to_string(head.version_minor) +
                                                   " " + std::to_string(head.status)
                                             : head.method + " " + head.target + " HTTP/1.";
  return whole.in_step().back().starts_with("invalid ") &&
         bytes.find("\n" + start) != std::string_view::npos;
}

// A head that nobody sent.
std::string find_invented(const EventLog& whole, const EventLog& gapped, std::string_view bytes,
                          const Trail& trail) {
  for (const auto& head : gapped.heads()) {
    const auto is_same = [&](const EventLog::ReportedHead& original) {
      if (!head.truncated) return whole.lines()[original.line] == gapped.lines()[head.line];
      return head.method == original.method && head.target == original.target &&
             head.status == original.status;
    };
    const bool sent = std::any_of(whole.heads().begin(), whole.heads().end(), is_same) ||
                      (head.truncated ? is_begun_head(head, bytes, trail)
                                      : stands_behind_refused(head, whole, bytes));
    if (!sent) return "invented " + gapped.lines()[head.line];
  }
  return {};
}

struct Gap {
  std::size_t begin;
  std::size_t end;
  enum class Known { kNothing, kSize, kSizeAndTail } known;
};

EventLog replay_with_gap(const Script& script, std::string_view bytes, Gap gap) {
  MessageParser parser(script.kind, script.limits);
  EventLog log(script.rules);
  parser.feed(bytes.substr(0, gap.begin), log);
  const std::string_view unseen = bytes.substr(gap.begin, gap.end - gap.begin);
  switch (gap.known) {
    case Gap::Known::kNothing:
      parser.lose(log);
      break;
    case Gap::Known::kSize:
      parser.skip(unseen.size(), {}, log);
      break;
    case Gap::Known::kSizeAndTail:
      parser.skip(unseen.size(), unseen.substr(unseen.size() - std::min(unseen.size(), kTailBytes)),
                  log);
      break;
  }
  parser.feed(bytes.substr(gap.end), log);
  if (script.actions.back().kind == Action::Kind::kFinish) parser.finish(log);
  return log;
}

// Inside one body of known length, or one that lasts until close, a gap of known size changes
// nothing.
bool changes_nothing(const EventLog& whole, const Trail& trail, Gap gap) {
  if (gap.known == Gap::Known::kSizeAndTail && gap.end - gap.begin <= kTailBytes) return true;
  if (gap.known == Gap::Known::kNothing || trail.events[gap.begin] != trail.events[gap.end] ||
      !trail.in_body[gap.begin] || !trail.in_body[gap.end] ||
      trail.events[gap.begin] > whole.in_step().size()) {
    return false;
  }
  const std::string& head = whole.lines()[trail.events[gap.begin] - 1];
  return head.find(" chunked") == std::string::npos;
}

std::string check_gap(const Script& script, const EventLog& whole, const Trail& trail, Gap gap) {
  const std::string& bytes = script.actions.front().bytes;
  const EventLog log = replay_with_gap(script, bytes, gap);
  const std::string where = "without " + std::to_string(gap.begin) + ".." +
                            std::to_string(gap.end) +
                            " (known: " + std::to_string(static_cast<int>(gap.known)) + ")";
  if (changes_nothing(whole, trail, gap)) {
    return difference(where, whole.in_step(), log.in_step());
  }
  const std::string invented = find_invented(whole, log, bytes, trail);
  return invented.empty() ? invented : where + ": " + invented + "\n" + show(log.lines());
}

}  // namespace

std::size_t Script::fed_bytes() const {
  std::size_t bytes = 0;
  for (const Action& action : actions) {
    if (action.kind == Action::Kind::kFeed) bytes += action.bytes.size();
  }
  return bytes;
}

bool Script::is_plain() const {
  return !actions.empty() && actions.front().kind == Action::Kind::kFeed &&
         (actions.size() == 1 ||
          (actions.size() == 2 && actions.back().kind == Action::Kind::kFinish));
}

EventLog replay_whole(const Script& script, ParseOutcome* outcome) {
  return replay(script, {}, outcome);
}

std::string check_split_everywhere(const Script& script) {
  const std::vector<std::string> expected = replay_whole(script).in_step();
  for (std::size_t cut_at = 1; cut_at < script.fed_bytes(); ++cut_at) {
    const EventLog log = replay(script, {.cut_at = cut_at});
    std::string found = difference("split at " + std::to_string(cut_at), expected, log.in_step());
    if (!found.empty()) return found;
  }
  return {};
}

std::string check_byte_by_byte(const Script& script) {
  return difference("byte by byte", replay_whole(script).in_step(),
                    replay(script, {.piece_max = 1}).in_step());
}

std::string check_truncated_everywhere(const Script& script) {
  const std::vector<std::string> expected = replay_whole(script).in_step();
  for (std::size_t stop_at = 0; stop_at < script.fed_bytes(); ++stop_at) {
    const std::vector<std::string> actual = replay(script, {.stop_at = stop_at}).in_step();
    std::vector<std::string> prefix = expected;
    prefix.resize(std::min(actual.size(), expected.size()));
    std::string found = difference("cut behind " + std::to_string(stop_at), prefix, actual);
    if (!found.empty()) return found;
  }
  return {};
}

std::string check_missing_middle(const Script& script, std::size_t stretches_max) {
  const std::string& bytes = script.actions.front().bytes;
  const EventLog whole = replay_whole(script);
  const Trail trail = follow(script, bytes);
  // Of long cases: sizes in strides, and all that end where a message begins.
  const std::size_t stride = bytes.size() * bytes.size() / (2 * stretches_max) + 1;
  for (std::size_t begin = 0; begin < bytes.size(); ++begin) {
    for (std::size_t end = begin + 1; end <= bytes.size(); ++end) {
      if ((end - begin) % stride != 0 && !trail.message_starts[end]) continue;
      if (resumes_at_false_start(script, bytes, end, trail)) continue;
      for (const auto known : {Gap::Known::kNothing, Gap::Known::kSize, Gap::Known::kSizeAndTail}) {
        std::string found = check_gap(script, whole, trail, {begin, end, known});
        if (!found.empty()) return found;
      }
    }
  }
  return {};
}

}  // namespace kernspan::http1
