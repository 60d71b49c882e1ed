#include "pipeline/otlp/request_check.h"

#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>
#include <stdexcept>
#include <string>

#include "pipeline/otlp/wire_fields.h"

namespace kernspan::otlp {
namespace {

// Thrown inside this file only, next to protozero's own exceptions; check_request() catches both.
class MalformedError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

using protozero::pbf_reader;
using protozero::pbf_wire_type;

pbf_reader submessage(pbf_reader& field, const char* name) {
  if (field.wire_type() != pbf_wire_type::length_delimited) {
    throw MalformedError(std::string(name) + " is not a message");
  }
  return field.get_message();
}

void check_id(pbf_reader& field, std::size_t size, const char* name) {
  if (field.wire_type() != pbf_wire_type::length_delimited) {
    throw MalformedError(std::string(name) + " is not bytes");
  }
  const auto id = field.get_view();
  if (id.size() != size && !id.empty()) {
    throw MalformedError(std::string(name) + " has " + std::to_string(id.size()) +
                         " bytes instead of " + std::to_string(size));
  }
}

void check_span(pbf_reader span) {
  while (span.next()) {
    switch (span.tag()) {
      case wire::span::kTraceId:
        check_id(span, 16, "span.trace_id");
        break;
      case wire::span::kSpanId:
        check_id(span, 8, "span.span_id");
        break;
      case wire::span::kParentSpanId:
        check_id(span, 8, "span.parent_span_id");
        break;
      default:
        span.skip();
    }
  }
}

std::size_t count_spans(pbf_reader request) {
  std::size_t spans = 0;
  while (request.next()) {
    if (request.tag() != wire::request::kResourceSpans) {
      request.skip();
      continue;
    }
    pbf_reader resource_spans = submessage(request, "resource_spans");
    while (resource_spans.next()) {
      if (resource_spans.tag() != wire::resource_spans::kScopeSpans) {
        resource_spans.skip();
        continue;
      }
      pbf_reader scope_spans = submessage(resource_spans, "scope_spans");
      while (scope_spans.next()) {
        if (scope_spans.tag() != wire::scope_spans::kSpans) {
          scope_spans.skip();
          continue;
        }
        check_span(submessage(scope_spans, "spans"));
        ++spans;
      }
    }
  }
  return spans;
}

// The data points of one metric, whatever its kind: each kind is a message whose field 1 is them.
std::size_t count_data_points(pbf_reader metric) {
  std::size_t points = 0;
  while (metric.next()) {
    switch (metric.tag()) {
      case wire::metric::kGauge:
      case wire::metric::kSum:
      case wire::metric::kHistogram:
      case wire::metric::kExponentialHistogram:
      case wire::metric::kSummary: {
        pbf_reader data = submessage(metric, "metric data");
        while (data.next()) {
          if (data.tag() == wire::metric::kDataPoints) {
            submessage(data, "data_points");
            ++points;
          } else {
            data.skip();
          }
        }
        break;
      }
      default:
        metric.skip();
    }
  }
  return points;
}

std::size_t count_metrics(pbf_reader request) {
  std::size_t points = 0;
  while (request.next()) {
    if (request.tag() != wire::request::kResourceMetrics) {
      request.skip();
      continue;
    }
    pbf_reader resource_metrics = submessage(request, "resource_metrics");
    while (resource_metrics.next()) {
      if (resource_metrics.tag() != wire::resource_metrics::kScopeMetrics) {
        resource_metrics.skip();
        continue;
      }
      pbf_reader scope_metrics = submessage(resource_metrics, "scope_metrics");
      while (scope_metrics.next()) {
        if (scope_metrics.tag() != wire::scope_metrics::kMetrics) {
          scope_metrics.skip();
          continue;
        }
        points += count_data_points(submessage(scope_metrics, "metrics"));
      }
    }
  }
  return points;
}

std::string malformed(Signal signal, const char* reason) {
  return std::string("malformed ") +
         (signal == Signal::kTraces ? "ExportTraceServiceRequest: "
                                    : "ExportMetricsServiceRequest: ") +
         reason;
}

}  // namespace

Result<std::size_t> check_request(std::string_view bytes, Signal signal) {
  const pbf_reader request(bytes.data(), bytes.size());
  try {
    return signal == Signal::kTraces ? count_spans(request) : count_metrics(request);
  } catch (const protozero::exception& error) {
    return permanent(malformed(signal, error.what()));
  } catch (const MalformedError& error) {
    return permanent(malformed(signal, error.what()));
  }
}

}  // namespace kernspan::otlp
