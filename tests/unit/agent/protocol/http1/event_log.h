// What an HTTP/1 parser reported, as lines of text: the language of tests/vectors/http1.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/protocol/http1/message_parser.h"

namespace kernspan::http1 {

class EventLog final : public MessageSink {
 public:
  struct ReportedHead {
    std::string method;
    std::string target;
    int status = 0;
    int version_minor = 1;
    bool keep_alive = true;
    bool chunked = false;
    bool upgrade = false;
    bool truncated = false;
    std::optional<std::uint64_t> content_length;
    std::size_t line = 0;  // in lines()
  };

  // The answers to on_head, in order; the last one is repeated. None: kByHead.
  explicit EventLog(std::vector<BodyRule> rules = {}) : rules_(std::move(rules)) {}

  void on_begin() override { lines_.emplace_back("begin"); }
  BodyRule on_head(const Head& head) override;
  void on_end(MessageEnd end, std::optional<std::uint64_t> body_bytes) override;
  void on_invalid(std::string_view reason) override;
  void on_lost() override { lines_.emplace_back("lost"); }

  const std::vector<std::string>& lines() const { return lines_; }
  const std::vector<ReportedHead>& heads() const { return heads_; }

  // Up to the first event after which what follows depends on where transfers begin.
  std::vector<std::string> in_step() const;

 private:
  std::vector<BodyRule> rules_;
  std::vector<std::string> lines_;
  std::vector<ReportedHead> heads_;
};

std::string_view outcome_name(ParseOutcome outcome);

}  // namespace kernspan::http1
