// The cases of tests/vectors/http1, each replayed whole, split at every byte, byte by byte,
// truncated everywhere and with a missing middle.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/agent/protocol/http1/markdown_cases.h"
#include "tests/unit/agent/protocol/http1/replay.h"

namespace kernspan::http1 {
namespace {

constexpr std::string_view kFolder = KERNSPAN_SOURCE_DIR "/tests/vectors/http1";
constexpr std::size_t kStretchesMax = 20000;  // all of the cases that we have

BodyRule rule_named(const std::string& name) {
  if (name == "none") return BodyRule::kNone;
  if (name == "tunnel") return BodyRule::kTunnel;
  EXPECT_EQ(name, "by_head");
  return BodyRule::kByHead;
}

// "@skip 100 tail", "@lose", "@finish", "@feed" (a new transfer).
Action parse_directive(const std::string& line) {
  std::istringstream words(line);
  std::string verb;
  Action action;
  words >> verb;
  if (verb == "@skip") {
    action.kind = Action::Kind::kSkip;
    std::string tail;
    words >> action.skipped_bytes >> tail;
    action.bytes = unescape(tail);
  } else if (verb == "@lose") {
    action.kind = Action::Kind::kLose;
  } else if (verb == "@finish") {
    action.kind = Action::Kind::kFinish;
  } else {
    EXPECT_EQ(verb, "@feed");
  }
  return action;
}

Script parse_script(const MarkdownCase& vector) {
  Script script;
  EXPECT_TRUE(vector.meta_value("type") == "request" || vector.meta_value("type") == "response");
  script.kind =
      vector.meta_value("type") == "request" ? MessageKind::kRequest : MessageKind::kResponse;
  if (const std::string limit = vector.meta_value("limit"); !limit.empty()) {
    script.limits.head_bytes_max = std::stoul(limit);
  }
  std::istringstream rules(vector.meta_value("rules"));
  for (std::string rule; rules >> rule;) script.rules.push_back(rule_named(rule));

  std::string piece;
  const auto close_piece = [&] {
    if (!piece.empty()) script.actions.push_back({.bytes = unescape(piece)});
    piece.clear();
  };
  std::istringstream lines(vector.input + "\n");
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('@')) {
      close_piece();
      const Action action = parse_directive(line);
      if (action.kind != Action::Kind::kFeed) script.actions.push_back(action);
    } else {
      piece += line + "\n";
    }
  }
  // As in Markdown, the line end before the closing fence is not part of the text.
  if (piece.ends_with('\n')) piece.pop_back();
  close_piece();
  return script;
}

class Http1Vectors : public testing::TestWithParam<MarkdownCase> {};

TEST_P(Http1Vectors, ReplaysAlikeHoweverItWasCaptured) {
  SCOPED_TRACE(GetParam().name);
  const Script script = parse_script(GetParam());
  ParseOutcome outcome{};
  std::vector<std::string> lines = replay_whole(script, &outcome).lines();
  lines.push_back(std::string("= ").append(outcome_name(outcome)));
  EXPECT_THAT(lines, testing::ElementsAreArray(GetParam().log));
  EXPECT_EQ(check_split_everywhere(script), "");
  EXPECT_EQ(check_byte_by_byte(script), "");
  EXPECT_EQ(check_truncated_everywhere(script), "");
  if (script.is_plain()) {
    EXPECT_EQ(check_missing_middle(script, kStretchesMax), "");
  }
}

INSTANTIATE_TEST_SUITE_P(All, Http1Vectors, testing::ValuesIn(load_markdown_cases(kFolder)),
                         [](const auto& vector) { return "case" + std::to_string(vector.index); });

}  // namespace
}  // namespace kernspan::http1
