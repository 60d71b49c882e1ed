// Traces as held spans, made from JSON:
//
//   {"id": "000102...", "bytes": 700, "resources": [{"attributes": {"k": "v"}, "spans": [...]}]}
//   {"spans": [{"attributes": {"k": 1}, "status": "ERROR", "start_ns": 0, "end_ns": 5, "flags": 1,
//               "trace_state": "k=v", "name": "n", "events": [{"name": "e", "attributes": {}}]}]}
//   {"spans": 5}
#pragma once

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/processors/tail_sampling/trace_view.h"
#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan::sampling {

// How the spans of a trace have come in. No policy may care.
struct Arrangement {
  bool reversed = false;
  bool request_per_span = false;
};
inline constexpr Arrangement kArrangements[] = {{}, {true, false}, {false, true}, {true, true}};

class TraceSource {
 public:
  TraceSource(const nlohmann::json& trace, const Arrangement& arrangement) {
    id_ = *TraceId::from_hex(trace.value("id", "000102030405060708090a0b0c0d0e0f"));
    add_resources(trace);
    if (arrangement.reversed) std::ranges::reverse(spans_);
    add_requests(arrangement.request_per_span);
    bytes_ = trace.value("bytes", bytes_);
  }

  TraceView view() const {
    return {.trace_id = id_, .spans = held_, .byte_count = bytes_, .first_seen_ns = 0};
  }

 private:
  using Resource = opentelemetry::proto::resource::v1::Resource;
  using Span = opentelemetry::proto::trace::v1::Span;

  struct Item {
    std::size_t resource;
    Span span;
  };

  static void set_value(opentelemetry::proto::common::v1::AnyValue& value,
                        const nlohmann::json& json) {
    if (json.is_string()) value.set_string_value(json);
    if (json.is_boolean()) value.set_bool_value(json);
    if (json.is_number_integer()) value.set_int_value(json);
    if (json.is_number_float()) value.set_double_value(json);
    if (json.is_array()) {
      auto& array = *value.mutable_array_value();
      for (const auto& item : json) set_value(*array.add_values(), item);
    }
    if (json.is_object()) set_attributes(*value.mutable_kvlist_value()->mutable_values(), json);
  }
  static void set_attributes(auto& attributes, const nlohmann::json& json) {
    for (const auto& [key, value] : json.items()) {
      auto& attribute = *attributes.Add();
      attribute.set_key(key);
      if (!value.is_null()) set_value(*attribute.mutable_value(), value);
    }
  }

  static Span span_of(const nlohmann::json& json) {
    constexpr std::uint64_t kStart = 1'700'000'000'000'000'000;
    Span span;
    span.set_name(json.value("name", "GET /cart"));
    const std::uint64_t start = json.value("start_ns", kStart);
    span.set_start_time_unix_nano(start);
    span.set_end_time_unix_nano(json.value("end_ns", start + 1'000'000));
    span.set_trace_state(json.value("trace_state", ""));
    span.set_flags(json.value("flags", 0U));
    set_attributes(*span.mutable_attributes(), json.value("attributes", nlohmann::json::object()));
    for (const auto& event_json : json.value("events", nlohmann::json::array())) {
      auto& event = *span.add_events();
      event.set_name(event_json.value("name", ""));
      set_attributes(*event.mutable_attributes(),
                     event_json.value("attributes", nlohmann::json::object()));
    }
    const std::string status = json.value("status", "");
    using Status = opentelemetry::proto::trace::v1::Status;
    if (status == "OK") span.mutable_status()->set_code(Status::STATUS_CODE_OK);
    if (status == "ERROR") span.mutable_status()->set_code(Status::STATUS_CODE_ERROR);
    return span;
  }

  void add_resources(const nlohmann::json& trace) {
    if (trace.contains("spans")) add_spans(Resource(), trace["spans"]);
    for (const auto& json : trace.value("resources", nlohmann::json::array())) {
      Resource resource;
      set_attributes(*resource.mutable_attributes(), json["attributes"]);
      add_spans(resource, json.value("spans", nlohmann::json(1)));
    }
  }
  void add_spans(const Resource& resource, const nlohmann::json& json) {
    resources_.push_back(resource);
    const std::size_t number = resources_.size() - 1;
    if (json.is_number()) {
      const Span span = span_of(nlohmann::json::object());
      spans_.insert(spans_.end(), json.get<std::size_t>(), {number, span});
    } else {
      for (const auto& span : json) spans_.push_back({number, span_of(span)});
    }
  }

  void add_requests(bool request_per_span) {
    otlp::ReferenceRequest request;
    std::size_t open_resource = resources_.size();
    for (std::size_t i = 0; i < spans_.size(); ++i) {
      Item& item = spans_[i];
      if (item.resource != open_resource) {
        auto& resource_spans = *request.add_resource_spans();
        *resource_spans.mutable_resource() = resources_[item.resource];
        resource_spans.add_scope_spans();
        open_resource = item.resource;
      }
      item.span.set_trace_id(std::string(id_.view()));
      item.span.set_span_id(std::string(8, static_cast<char>(i + 1)));
      auto& resource_spans = *request.mutable_resource_spans(request.resource_spans_size() - 1);
      *resource_spans.mutable_scope_spans(0)->add_spans() = item.span;
      if (!request_per_span && i + 1 < spans_.size()) continue;
      add_request(request);
      request.Clear();
      open_resource = resources_.size();
    }
  }
  void add_request(const otlp::ReferenceRequest& request) {
    const std::string bytes = request.SerializeAsString();
    bytes_ += bytes.size();
    indexes_.push_back(std::make_unique<otlp::SpanIndex>(otlp::Batch::from_wire(bytes).value()));
    for (std::uint32_t i = 0; i < indexes_.back()->size(); ++i) {
      held_.push_back({indexes_.back().get(), i});
    }
  }

  TraceId id_;
  std::vector<Resource> resources_;
  std::vector<Item> spans_;
  std::vector<std::unique_ptr<otlp::SpanIndex>> indexes_;
  std::vector<HeldSpan> held_;
  std::uint64_t bytes_ = 0;
};

}  // namespace kernspan::sampling
