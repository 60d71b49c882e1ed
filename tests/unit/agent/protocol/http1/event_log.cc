#include "tests/unit/agent/protocol/http1/event_log.h"

#include <algorithm>

namespace kernspan::http1 {
namespace {

void append_field(std::string& line, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  line.append(" ").append(name).append("=[").append(value).append("]");
}

std::string_view end_name(MessageEnd end) {
  switch (end) {
    case MessageEnd::kComplete:
      return "complete";
    case MessageEnd::kClosed:
      return "closed";
    case MessageEnd::kAborted:
      return "aborted";
    case MessageEnd::kSuperseded:
      return "superseded";
  }
  return "?";
}

}  // namespace

BodyRule EventLog::on_head(const Head& head) {
  std::string line = "head ";
  if (head.kind == MessageKind::kRequest) {
    line.append(head.method).append(" ").append(head.target);
  } else {
    line.append(std::to_string(head.status));
  }
  line.append(" 1.").append(std::to_string(head.version_minor));
  line.append(" bytes=").append(std::to_string(head.head_bytes));
  if (head.content_length) line.append(" length=").append(std::to_string(*head.content_length));
  if (head.chunked) line.append(" chunked");
  if (!head.keep_alive) line.append(" close");
  if (head.truncated) line.append(" truncated");
  append_field(line, "upgrade", head.upgrade);
  append_field(line, "host", head.host);
  append_field(line, "user_agent", head.user_agent);
  append_field(line, "content_type", head.content_type);
  append_field(line, "traceparent", head.traceparent);
  append_field(line, "tracestate", head.tracestate);
  append_field(line, "b3", head.b3);
  append_field(line, "b3_trace_id", head.b3_trace_id);
  append_field(line, "b3_span_id", head.b3_span_id);
  append_field(line, "b3_parent_span_id", head.b3_parent_span_id);
  append_field(line, "b3_sampled", head.b3_sampled);
  append_field(line, "b3_flags", head.b3_flags);
  heads_.push_back({.method = std::string(head.method),
                    .target = std::string(head.target),
                    .status = head.status,
                    .version_minor = head.version_minor,
                    .keep_alive = head.keep_alive,
                    .chunked = head.chunked,
                    .upgrade = !head.upgrade.empty(),
                    .truncated = head.truncated,
                    .content_length = head.content_length,
                    .line = lines_.size()});
  lines_.push_back(std::move(line));
  if (rules_.empty()) return BodyRule::kByHead;
  return rules_[std::min(heads_.size(), rules_.size()) - 1];
}

void EventLog::on_end(MessageEnd end, std::optional<std::uint64_t> body_bytes) {
  std::string line = "end ";
  line.append(end_name(end)).append(" ");
  lines_.push_back(line + (body_bytes ? std::to_string(*body_bytes) : "?"));
}

void EventLog::on_invalid(std::string_view reason) {
  lines_.push_back(std::string("invalid ").append(reason));
}

std::vector<std::string> EventLog::in_step() const {
  const auto leaves_step = [](const std::string& line) {
    return line == "lost" || line.starts_with("invalid ");
  };
  const auto last = std::find_if(lines_.begin(), lines_.end(), leaves_step);
  return {lines_.begin(), last == lines_.end() ? last : last + 1};
}

std::string_view outcome_name(ParseOutcome outcome) {
  switch (outcome) {
    case ParseOutcome::kFrame:
      return "frame";
    case ParseOutcome::kNeedMore:
      return "need_more";
    case ParseOutcome::kSkip:
      return "skip";
    case ParseOutcome::kInvalid:
      return "invalid";
    case ParseOutcome::kHandOff:
      return "hand_off";
  }
  return "?";
}

}  // namespace kernspan::http1
