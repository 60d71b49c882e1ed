#include "tests/unit/agent/protocol/http1/llhttp_log.h"

#include <cstdlib>

namespace kernspan::http1 {
namespace {

// llhttp's flags and error codes, from its documentation.
constexpr std::uint64_t kFlagKeepAlive = 0x1;
constexpr std::uint64_t kFlagClose = 0x2;
constexpr std::uint64_t kFlagConnectionUpgrade = 0x4;
constexpr std::uint64_t kFlagChunked = 0x8;
constexpr std::uint64_t kFlagUpgrade = 0x10;
constexpr std::uint64_t kFlagContentLength = 0x20;
constexpr std::uint64_t kErrorPausedUpgrade = 22;
constexpr std::uint64_t kErrorPausedH2Upgrade = 23;

bool contains(const std::string& line, std::string_view text) {
  return line.find(text) != std::string::npos;
}

std::string text_after(const std::string& line, std::string_view key) {
  const std::size_t at = line.find(key);
  return at == std::string::npos ? std::string() : line.substr(at + key.size());
}

std::uint64_t number_after(const std::string& line, std::string_view key, int base) {
  return std::strtoull(text_after(line, key).c_str(), nullptr, base);
}

std::string span_text(const std::string& line) {
  std::string text = text_after(line, "]=\"");
  if (!text.empty()) text.pop_back();
  return text;
}

void read_head_complete(const std::string& line, LlhttpMessage& message) {
  const std::uint64_t flags = number_after(line, "flags=", 16);
  const auto has = [flags](std::uint64_t flag) { return (flags & flag) != 0; };
  message.head_complete = true;
  message.status = static_cast<int>(number_after(line, "status=", 10));
  message.version_minor = static_cast<int>(number_after(line, " v=1/", 10));
  message.chunked = has(kFlagChunked);
  message.upgrade = has(kFlagUpgrade) && has(kFlagConnectionUpgrade);
  message.keep_alive = !has(kFlagClose) && (message.version_minor >= 1 || has(kFlagKeepAlive));
  if (has(kFlagContentLength)) message.content_length = number_after(line, "content_length=", 10);
}

}  // namespace

LlhttpLog read_llhttp_log(const std::vector<std::string>& lines) {
  LlhttpLog log;
  for (const std::string& line : lines) {
    if (contains(line, " message begin")) {
      log.messages.emplace_back();
    } else if (contains(line, " error code=")) {
      const std::uint64_t code = number_after(line, " error code=", 10);
      log.hand_off = code == kErrorPausedUpgrade || code == kErrorPausedH2Upgrade;
      log.error = !log.hand_off;
    } else if (log.messages.empty()) {
      continue;
    } else if (contains(line, "span[method]=")) {
      log.messages.back().method += span_text(line);
    } else if (contains(line, "span[url]=")) {
      log.messages.back().target += span_text(line);
    } else if (contains(line, "span[body]=")) {
      log.messages.back().body_bytes += number_after(line, " len=", 10);
    } else if (contains(line, " headers complete ")) {
      read_head_complete(line, log.messages.back());
    } else if (contains(line, " message complete")) {
      log.messages.back().complete = true;
    }
  }
  return log;
}

}  // namespace kernspan::http1
