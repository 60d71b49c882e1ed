// llhttp's own cases, where they concern a passive reader. They are not part of this tree: the
// folder is
// ../shared/vectors/llhttp beside the source root, or llhttp/ in $KERNSPAN_SHARED_VECTORS.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/agent/protocol/http1/llhttp_log.h"
#include "tests/unit/agent/protocol/http1/markdown_cases.h"
#include "tests/unit/agent/protocol/http1/replay.h"

namespace kernspan::http1 {
namespace {

constexpr std::size_t kStretchesMax = 2000;  // some seconds for all, under the sanitizers too

struct Exclusion {
  std::string_view name;  // of a case; ending with "/ ": of all cases in a file
  std::string_view reason;
};

constexpr Exclusion kExclusions[] = {
    {"request/pausing.md / ", "llhttp can be paused"},
    {"response/pausing.md / ", "llhttp can be paused"},
    {"url.md / ", "concerns llhttp's parser of URLs"},
    {"request/method.md / SOURCE request with ICE", "this parser reads HTTP/1.x only"},
    {"request/method.md / OPTIONS request with RTSP", "this parser reads HTTP/1.x only"},
    {"request/method.md / ANNOUNCE request with RTSP", "this parser reads HTTP/1.x only"},
    {"request/sample.md / No HTTP version", "this parser reads HTTP/1.x only"},
    {"request/lenient-version.md / Invalid HTTP version (lenient)",
     "this parser reads HTTP/1.x only"},
    {"response/lenient-version.md / Invalid HTTP version (lenient)",
     "this parser reads HTTP/1.x only"},
    {"response/sample.md / HTTP version 0.9", "this parser reads HTTP/1.x only"},
    {"response/sample.md / ICE response", "this parser reads HTTP/1.x only"},
    {"response/sample.md / RTSP response", "this parser reads HTTP/1.x only"},
    {"request/connection.md / No restart when keep-alive is off (1.0)",
     "what follows Connection: close was sent nevertheless"},
    {"request/connection.md / CRLF between requests, explicit `close`",
     "what follows Connection: close was sent nevertheless"},
    {"request/connection.md / CRLF between requests, explicit `close` followed by tab",
     "what follows Connection: close was sent nevertheless"},
    {"response/connection.md / HTTP/1.1 with keep-alive disabled and 204 status",
     "what follows Connection: close was sent nevertheless"},
    {"response/connection.md / HTTP/1.1 with keep-alive disabled, content-length (lenient)",
     "what follows Connection: close was sent nevertheless"},
    {"request/invalid.md / HTTP protocol and ANNOUNCE method", "any token is a method"},
    {"request/invalid.md / Invalid method", "any token is a method"},
    {"request/invalid.md / Headers separated by LF", "a line may end with LF alone"},
    {"request/invalid.md / Empty headers separated by LF", "a line may end with LF alone"},
    {"request/invalid.md / Missing CR between headers", "a line may end with LF alone"},
    {"request/invalid.md / Only LFs present", "a line may end with LF alone"},
    {"request/lenient-header-value-relaxed.md / LF in header value should be rejected even with "
     "relaxed flag",
     "a line may end with LF alone"},
    {"request/sample.md / Line folding in header value with LF", "a line may end with LF alone"},
    {"response/invalid.md / Only LFs present", "a line may end with LF alone"},
    {"response/invalid.md / Only LFs present and no body", "a line may end with LF alone"},
    {"response/sample.md / No carriage ret", "a line may end with LF alone"},
    {"request/invalid.md / Only LFs present (lenient)",
     "a blank line behind the last chunk ends the message, here too"},
    {"request/invalid.md / Spaces before headers", "folded fields are read"},
    {"request/invalid.md / Headers separated by dummy characters (lenient)",
     "CR alone ends no line"},
    {"request/content-length.md / Missing CRLF-CRLF before body (lenient)",
     "CR alone ends no line"},
    {"request/lenient-headers.md / Empty headers separated by CR (lenient)",
     "CR alone ends no line"},
    {"request/sample.md / No LF after CR (lenient)", "CR alone ends no line"},
    {"request/transfer-encoding.md / Chunk header not terminated by CRLF (lenient)",
     "CR alone ends no line"},
    {"response/invalid.md / Bare CR after response line (lenient)", "CR alone ends no line"},
    {"request/content-length.md / Error on `Content-Length` overflow",
     "judged when the line behind it is complete, which the case lacks"},
    {"request/content-length.md / Error on duplicate `Content-Length`",
     "judged when the line behind it is complete, which the case lacks"},
    {"request/content-length.md / Missing CRLF-CRLF before body",
     "judged when the line behind it is complete, which the case lacks"},
    {"request/invalid.md / Invalid HTTP version",
     "judged when the line behind it is complete, which the case lacks"},
    {"request/invalid.md / Invalid space after start line",
     "judged when the line behind it is complete, which the case lacks"},
    {"response/invalid.md / Invalid space after start line",
     "judged when the line behind it is complete, which the case lacks"},
    {"request/transfer-encoding.md / Ignoring `pigeons`", "a head that is refused is not reported"},
    {"request/transfer-encoding.md / POST with `chunkedchunked` as transfer-encoding",
     "a head that is refused is not reported"},
    {"request/transfer-encoding.md / Invalid OBS fold after chunked value",
     "a head that is refused is not reported"},
    {"request/content-length.md / No error on simultaneous `Content-Length` and "
     "`Transfer-Encoding: identity` (lenient)",
     "a request whose last coding is not chunked is refused"},
    {"request/transfer-encoding.md / POST with `Transfer-Encoding` and `Content-Length` (lenient)",
     "a request whose last coding is not chunked is refused"},
    {"request/transfer-encoding.md / POST with `chunked` before other transfer-coding (lenient)",
     "a request whose last coding is not chunked is refused"},
    {"request/transfer-encoding.md / POST with `chunked` and duplicate transfer-encoding (lenient)",
     "a request whose last coding is not chunked is refused"},
    {"request/transfer-encoding.md / POST with empty `Transfer-Encoding` and `Content-Length` "
     "(lenient)",
     "an empty Transfer-Encoding is none"},
    {"request/transfer-encoding.md / No extension after semicolon",
     "chunk extensions are passed over"},
    {"request/transfer-encoding.md / Unbalanced chunk extensions quoting",
     "chunk extensions are passed over"},
    {"response/transfer-encoding.md / No extension after semicolon",
     "chunk extensions are passed over"},
    {"response/transfer-encoding.md / Unbalanced chunk extensions quoting",
     "chunk extensions are passed over"},
    {"request/transfer-encoding.md / Space after chunk header",
     "spaces behind a chunk size are tolerated"},
    {"response/transfer-encoding.md / Trailing space on chunked body",
     "spaces behind a chunk size are tolerated"},
    {"request/lenient-header-value-relaxed.md / Control char in header value (strict)",
     "control bytes other than NUL and CR may stand in a value"},
    {"request/lenient-headers.md / Header value",
     "control bytes other than NUL and CR may stand in a value"},
    {"response/invalid.md / Extra space between HTTP version and status code",
     "spaces in a start line may be repeated, and tabs"},
    {"response/invalid.md / Tab after HTTP version",
     "spaces in a start line may be repeated, and tabs"},
    {"response/invalid.md / CR before response and tab after HTTP version",
     "spaces in a start line may be repeated, and tabs"},
    {"request/uri.md / Disallow UTF-8 in URI path in strict mode",
     "a target may have bytes beyond ASCII"},
    {"response/connection.md / Proxy-Connection", "Proxy-Connection is not a field of HTTP/1.1"},
    {"request/connection.md / Invalid whitespace token with `Connection` header field (lenient)",
     "a space before the colon is refused in requests"},
    {"request/content-length.md / Invalid whitespace token with `Content-Length` header field "
     "(lenient)",
     "a space before the colon is refused in requests"},
    {"request/transfer-encoding.md / Chunk data not terminated by CRLF (lenient)",
     "a chunk without its line end is refused"},
};

std::filesystem::path vectors_folder() {
  const char* shared = std::getenv("KERNSPAN_SHARED_VECTORS");
  const std::filesystem::path root =
      shared != nullptr ? shared : KERNSPAN_SOURCE_DIR "/../shared/vectors";
  return root / "llhttp";
}

std::string_view exclusion_reason(const std::string& name) {
  for (const Exclusion& exclusion : kExclusions) {
    const bool whole_file = exclusion.name.ends_with("/ ");
    if (whole_file ? name.starts_with(exclusion.name) : name == exclusion.name) {
      return exclusion.reason;
    }
  }
  return {};
}

Script script_of(const MarkdownCase& vector) {
  Script script;
  script.kind = vector.meta_value("type").starts_with("response") ? MessageKind::kResponse
                                                                  : MessageKind::kRequest;
  if (vector.meta.find("\"skipBody\": true") != std::string::npos) {
    script.rules = {BodyRule::kNone};
  }
  script.actions = {{.bytes = unescape(vector.input)}};
  return script;
}

// What became of one message of ours.
struct Outcome {
  EventLog::ReportedHead head;
  bool complete = false;
  std::string body_bytes;
};

std::vector<Outcome> outcomes_of(const EventLog& log) {
  std::vector<Outcome> outcomes;
  for (const auto& head : log.heads()) {
    Outcome outcome{.head = head, .complete = false, .body_bytes = {}};
    const std::size_t next = head.line + 1;
    constexpr std::string_view kComplete = "end complete ";
    if (next < log.lines().size() && log.lines()[next].starts_with(kComplete)) {
      outcome.complete = true;
      outcome.body_bytes = log.lines()[next].substr(kComplete.size());
    }
    outcomes.push_back(outcome);
  }
  return outcomes;
}

void expect_same_message(const LlhttpMessage& expected, const Outcome& actual) {
  EXPECT_EQ(actual.head.method, expected.method);
  EXPECT_EQ(actual.head.target, expected.target);
  EXPECT_EQ(actual.head.status, expected.status);
  EXPECT_EQ(actual.head.version_minor, expected.version_minor);
  EXPECT_EQ(actual.head.keep_alive, expected.keep_alive);
  EXPECT_EQ(actual.head.upgrade, expected.upgrade);
  EXPECT_EQ(actual.head.chunked, expected.chunked);
  EXPECT_EQ(actual.head.content_length, expected.content_length);
  EXPECT_EQ(actual.complete, expected.complete);
  if (expected.complete && actual.complete) {
    EXPECT_EQ(actual.body_bytes, std::to_string(expected.body_bytes));
  }
}

void run_case(const MarkdownCase& vector) {
  SCOPED_TRACE(vector.name);
  const Script script = script_of(vector);
  const LlhttpLog expected = read_llhttp_log(vector.log);
  const EventLog log = replay_whole(script);
  std::vector<Outcome> actual = outcomes_of(log);
  std::vector<LlhttpMessage> messages;
  for (const LlhttpMessage& message : expected.messages) {
    if (message.head_complete) messages.push_back(message);
  }
  // Behind an upgrade llhttp stops; this parser leaves it to the connection.
  if (expected.hand_off && actual.size() > messages.size()) actual.resize(messages.size());
  ASSERT_EQ(actual.size(), messages.size()) << testing::PrintToString(log.lines());
  for (std::size_t i = 0; i < messages.size(); ++i) expect_same_message(messages[i], actual[i]);
  if (!expected.hand_off) {
    ASSERT_FALSE(log.lines().empty());
    const bool refused = log.in_step().back().starts_with("invalid ");
    EXPECT_EQ(refused, expected.error) << testing::PrintToString(log.lines());
  }
  EXPECT_EQ(check_split_everywhere(script), "");
  EXPECT_EQ(check_byte_by_byte(script), "");
  EXPECT_EQ(check_truncated_everywhere(script), "");
  EXPECT_EQ(check_missing_middle(script, kStretchesMax), "");
}

TEST(LlhttpVectors, AgreeWhereTheyConcernAPassiveReader) {
  const std::filesystem::path folder = vectors_folder();
  if (!std::filesystem::is_directory(folder)) {
    GTEST_SKIP() << "llhttp's vectors are not there: " << folder.string();
  }
  const std::vector<MarkdownCase> cases = load_markdown_cases(folder);
  for (const Exclusion& exclusion : kExclusions) {
    EXPECT_TRUE(std::any_of(
        cases.begin(), cases.end(),
        [&](const MarkdownCase& vector) { return vector.name.starts_with(exclusion.name); }))
        << "no such case: " << exclusion.name;
  }
  std::size_t ran = 0;
  std::map<std::string_view, std::size_t> excluded;
  for (const MarkdownCase& vector : cases) {
    if (const std::string_view reason = exclusion_reason(vector.name); !reason.empty()) {
      ++excluded[reason];
      continue;
    }
    run_case(vector);
    ++ran;
  }
  std::cout << "llhttp cases run: " << ran << "\n";
  for (const auto& [reason, count] : excluded) {
    std::cout << "llhttp cases excluded: " << count << ", " << reason << "\n";
  }
  EXPECT_GT(ran, 0U);
}

}  // namespace
}  // namespace kernspan::http1
