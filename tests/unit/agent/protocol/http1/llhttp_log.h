// The expected log of an llhttp case, read as far as it concerns a passive reader.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kernspan::http1 {

struct LlhttpMessage {
  std::string method;
  std::string target;
  int status = 0;
  int version_minor = 1;
  bool head_complete = false;
  bool keep_alive = true;
  bool chunked = false;
  bool upgrade = false;
  std::optional<std::uint64_t> content_length;
  std::uint64_t body_bytes = 0;
  bool complete = false;
};

struct LlhttpLog {
  std::vector<LlhttpMessage> messages;
  bool error = false;     // the bytes were refused
  bool hand_off = false;  // the log stops because the connection may speak another protocol now
};

LlhttpLog read_llhttp_log(const std::vector<std::string>& lines);

}  // namespace kernspan::http1
