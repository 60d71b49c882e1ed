#include "pipeline/otlp/rpc_status.h"

#include <algorithm>
#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>

#include "pipeline/otlp/wire_fields.h"

namespace kernspan::otlp {
namespace {

using protozero::pbf_reader;
using protozero::pbf_wire_type;

// google.rpc.Status { message = 2, details = 3 }, google.protobuf.Any { type_url = 1, value = 2 },
// RetryInfo { retry_delay = 1 }, google.protobuf.Duration { seconds = 1, nanos = 2 }.
constexpr std::uint32_t kStatusMessage = 2;
constexpr std::uint32_t kStatusDetails = 3;
constexpr std::uint32_t kAnyTypeUrl = 1;
constexpr std::uint32_t kAnyValue = 2;
constexpr std::uint32_t kRetryDelay = 1;
constexpr std::uint32_t kDurationSeconds = 1;
constexpr std::uint32_t kDurationNanos = 2;
constexpr std::string_view kRetryInfoType = "type.googleapis.com/google.rpc.RetryInfo";

// A peer may ask for years; nobody waits longer than this.
constexpr std::int64_t kMaxDelaySeconds = 24 * 3600;

bool next_message(pbf_reader& message, std::uint32_t field) {
  return message.next(field, pbf_wire_type::length_delimited);
}

std::chrono::nanoseconds read_duration(pbf_reader duration) {
  std::int64_t seconds = 0;
  std::int64_t nanos = 0;
  while (duration.next()) {
    switch (duration.tag_and_type()) {
      case protozero::tag_and_type(kDurationSeconds, pbf_wire_type::varint):
        seconds = duration.get_int64();
        break;
      case protozero::tag_and_type(kDurationNanos, pbf_wire_type::varint):
        nanos = duration.get_int64();
        break;
      default:
        duration.skip();
    }
  }
  return std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, kMaxDelaySeconds)) +
         std::chrono::nanoseconds(std::clamp<std::int64_t>(nanos, 0, 999'999'999));
}

std::optional<std::chrono::nanoseconds> read_retry_info(pbf_reader any) {
  std::string_view type;
  pbf_reader value;
  while (any.next()) {
    if (any.wire_type() != pbf_wire_type::length_delimited) {
      any.skip();
    } else if (any.tag() == kAnyTypeUrl) {
      const auto view = any.get_view();
      type = {view.data(), view.size()};
    } else if (any.tag() == kAnyValue) {
      value = any.get_message();
    } else {
      any.skip();
    }
  }
  if (type != kRetryInfoType || !next_message(value, kRetryDelay)) return std::nullopt;
  return read_duration(value.get_message());
}

}  // namespace

Result<PartialSuccess> parse_export_response(std::string_view response) {
  PartialSuccess result;
  try {
    pbf_reader message(response.data(), response.size());
    while (next_message(message, wire::response::kPartialSuccess)) {
      pbf_reader partial = message.get_message();
      while (partial.next()) {
        switch (partial.tag_and_type()) {
          case protozero::tag_and_type(wire::partial_success::kRejectedSpans,
                                       pbf_wire_type::varint):
            result.rejected_spans =
                static_cast<std::uint64_t>(std::max<std::int64_t>(partial.get_int64(), 0));
            break;
          case protozero::tag_and_type(wire::partial_success::kErrorMessage,
                                       pbf_wire_type::length_delimited):
            result.message = partial.get_string();
            break;
          default:
            partial.skip();
        }
      }
    }
  } catch (const protozero::exception& error) {
    return permanent(std::string("malformed ExportTraceServiceResponse: ") + error.what());
  }
  return result;
}

std::optional<std::chrono::nanoseconds> parse_retry_delay(std::string_view status_details) {
  try {
    pbf_reader status(status_details.data(), status_details.size());
    while (next_message(status, kStatusDetails)) {
      if (const auto delay = read_retry_info(status.get_message())) return delay;
    }
  } catch (const protozero::exception&) {
    return std::nullopt;
  }
  return std::nullopt;
}

std::string parse_status_message(std::string_view status) {
  try {
    pbf_reader message(status.data(), status.size());
    if (next_message(message, kStatusMessage)) return message.get_string();
  } catch (const protozero::exception&) {
    return {};
  }
  return {};
}

}  // namespace kernspan::otlp
