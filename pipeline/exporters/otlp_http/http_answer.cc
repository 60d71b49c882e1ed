#include "pipeline/exporters/otlp_http/http_answer.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string_view>

#include "pipeline/otlp/rpc_status.h"
#include "pipeline/otlp/utf8.h"

namespace kernspan {
namespace {

// A peer may ask for years; nobody waits longer than this.
constexpr std::int64_t kMaxDelaySeconds = 24 * 3600;
// What a peer says goes into the log and, for callers that wait, into their answer.
constexpr std::size_t kMaxMessageBytes = 1024;

std::chrono::nanoseconds delay_of(const std::string& retry_after, std::int64_t now_unix_s) {
  std::int64_t seconds = 0;
  const char* const end = retry_after.data() + retry_after.size();
  const auto parsed = std::from_chars(retry_after.data(), end, seconds);
  if (parsed.ec == std::errc::result_out_of_range) {
    seconds = kMaxDelaySeconds;
  } else if (parsed.ec != std::errc{} || parsed.ptr != end) {
    const std::int64_t date = curl_getdate(retry_after.c_str(), nullptr);
    seconds = date == -1 ? 0 : date - now_unix_s;
  }
  return std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, kMaxDelaySeconds));
}

bool is_json(const OtlpHttpAnswer& answer) {
  return answer.content_type.starts_with("application/json");
}

// The message of a google.rpc.Status, in the encoding that the answer says it has.
std::string error_message(const OtlpHttpAnswer& answer) {
  std::string message;
  if (answer.content_type.starts_with("application/x-protobuf")) {
    message = otlp::parse_status_message(answer.body);
  } else if (is_json(answer)) {
    const auto json = nlohmann::json::parse(answer.body, nullptr, false);
    if (json.is_object()) {
      const auto found = json.find("message");
      if (found != json.end() && found->is_string()) message = found->get<std::string>();
    }
  } else {
    message = answer.body;
  }
  message.resize(std::min(message.size(), kMaxMessageBytes));
  // One line of text, whatever the peer has sent.
  std::ranges::replace_if(
      message, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7F'; }, ' ');
  return message;
}

// 64-bit numbers are strings in OTLP's JSON; numbers are accepted as well.
std::uint64_t json_count(const nlohmann::json& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  std::uint64_t count = 0;
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    std::from_chars(text.data(), text.data() + text.size(), count);
  }
  return count;
}

void read_json_partial_success(const std::string& body, SendOutcome* outcome) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (!json.is_object()) {
    outcome->message = "the answer is not the JSON that it says it is";
    return;
  }
  const auto partial = json.find("partialSuccess");
  if (partial == json.end() || !partial->is_object()) return;
  for (const char* key : {"rejectedSpans", "rejectedDataPoints"}) {
    if (const auto found = partial->find(key); found != partial->end()) {
      outcome->rejected_spans = json_count(*found);
    }
  }
  const auto message = partial->find("errorMessage");
  if (message != partial->end() && message->is_string()) {
    outcome->message = message->get<std::string>().substr(0, kMaxMessageBytes);
  }
}

void read_partial_success(const OtlpHttpAnswer& answer, SendOutcome* outcome) {
  if (is_json(answer)) {
    read_json_partial_success(answer.body, outcome);
    return;
  }
  // As upstream: a body of another type says nothing.
  if (!answer.content_type.starts_with("application/x-protobuf")) return;
  if (const auto partial = otlp::parse_export_response(answer.body)) {
    outcome->rejected_spans = partial->rejected_spans;
    outcome->message = partial->message.substr(0, kMaxMessageBytes);
  } else {
    outcome->message = partial.error().message;
  }
}

SendOutcome::Kind kind_of(long status) {
  switch (status) {
    case 429:
    case 502:
    case 503:
    case 504:
      return SendOutcome::Kind::kRetryable;
    case 413:
      return SendOutcome::Kind::kTooLarge;
    default:
      return SendOutcome::Kind::kPermanent;
  }
}

}  // namespace

SendOutcome judge_http_answer(const OtlpHttpAnswer& answer, std::int64_t now_unix_s) {
  SendOutcome outcome;
  if (answer.status >= 200 && answer.status <= 299) {
    read_partial_success(answer, &outcome);
    return outcome;
  }
  outcome.kind = kind_of(answer.status);
  outcome.asked_delay = delay_of(answer.retry_after, now_unix_s);
  const std::string message = error_message(answer);
  outcome.message =
      fmt::format("HTTP status {}{}{}", answer.status, message.empty() ? "" : ": ", message);
  return outcome;
}

}  // namespace kernspan
