#include "pipeline/otlp/batch.h"

#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>
#include <stdexcept>

#include "pipeline/otlp/wire_fields.h"

namespace kernspan::otlp {
namespace {

// Thrown inside this file only, next to protozero's own exceptions; from_wire() catches both.
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

std::size_t check_request(pbf_reader request) {
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

}  // namespace

Batch::Batch(Batch&& other) noexcept
    : slices_(std::exchange(other.slices_, {})),
      span_count_(std::exchange(other.span_count_, 0)),
      byte_count_(std::exchange(other.byte_count_, 0)) {}

Batch& Batch::operator=(Batch&& other) noexcept {
  slices_ = std::exchange(other.slices_, {});
  span_count_ = std::exchange(other.span_count_, 0);
  byte_count_ = std::exchange(other.byte_count_, 0);
  return *this;
}

Result<Batch> Batch::from_wire(Slice request) {
  const std::string_view bytes = request.view();
  try {
    const std::size_t spans = check_request(pbf_reader(bytes.data(), bytes.size()));
    Batch batch;
    batch.append_slice(std::move(request), spans);
    return batch;
  } catch (const protozero::exception& error) {
    return permanent(std::string("malformed ExportTraceServiceRequest: ") + error.what());
  } catch (const MalformedError& error) {
    return permanent(std::string("malformed ExportTraceServiceRequest: ") + error.what());
  }
}

Batch Batch::from_encoder(std::string request, std::size_t span_count) {
  Batch batch;
  batch.append_slice(Slice(std::move(request)), span_count);
  return batch;
}

void Batch::append_slice(Slice slice, std::size_t span_count) {
  if (slice.size() == 0) return;
  byte_count_ += slice.size();
  span_count_ += span_count;
  slices_.push_back(std::move(slice));
}

void Batch::append(Batch&& other) {
  if (slices_.empty()) {
    *this = std::move(other);
    return;
  }
  for (Slice& slice : other.slices_) slices_.push_back(std::move(slice));
  other.slices_.clear();
  span_count_ += std::exchange(other.span_count_, 0);
  byte_count_ += std::exchange(other.byte_count_, 0);
}

Batch Batch::clone() const {
  Batch copy;
  copy.slices_ = slices_;
  copy.span_count_ = span_count_;
  copy.byte_count_ = byte_count_;
  return copy;
}

}  // namespace kernspan::otlp
