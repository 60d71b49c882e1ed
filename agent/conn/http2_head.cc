#include "agent/conn/http2_head.h"

#include <charconv>

namespace kernspan {
namespace {

void set_first(std::string_view& field, std::string_view value) {
  if (field.empty()) field = value;
}

void join(std::string_view& field, std::string_view value, std::string& scratch) {
  if (field.empty()) {
    field = value;
    return;
  }
  if (scratch.empty()) scratch = field;
  scratch.append(",").append(value);
  field = scratch;
}

int status_of(std::string_view value) {
  int status = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), status);
  const bool valid = value.size() == 3 && error == std::errc() && end == value.data() + 3;
  return valid && status >= 100 ? status : 0;
}

std::string_view known_scheme(std::string_view value) {
  if (value == "http") return "http";
  if (value == "https") return "https";
  return {};
}

// True if the name is a pseudo-header's.
bool take_pseudo(std::string_view name, std::string_view value, Http2Head& head) {
  if (!name.starts_with(':')) return false;
  if (name == ":status") {
    head.has_status = true;
    if (head.status == 0) head.status = status_of(value);
    return true;
  }
  if (name == ":method") {
    set_first(head.method, value);
  } else if (name == ":path") {
    set_first(head.path, value);
  } else if (name == ":authority") {
    set_first(head.authority, value);
  } else if (name == ":scheme") {
    set_first(head.scheme, known_scheme(value));
  } else if (name != ":protocol") {
    return true;
  }
  head.has_request_fields = true;
  return true;
}

void take_propagation(std::string_view name, std::string_view value, PropagationFields& out,
                      Http2HeadScratch& scratch) {
  switch (name.size()) {
    case 2:
      if (name == "b3") join(out.b3, value, scratch.b3);
      break;
    case 10:
      if (name == "tracestate") join(out.tracestate, value, scratch.tracestate);
      if (name == "x-b3-flags") set_first(out.b3_flags, value);
      break;
    case 11:
      if (name == "traceparent") join(out.traceparent, value, scratch.traceparent);
      if (name == "x-b3-spanid") set_first(out.b3_span_id, value);
      break;
    case 12:
      if (name == "x-b3-traceid") set_first(out.b3_trace_id, value);
      if (name == "x-b3-sampled") set_first(out.b3_sampled, value);
      break;
    case 17:
      if (name == "x-b3-parentspanid") set_first(out.b3_parent_span_id, value);
      break;
    default:
      break;
  }
}

void take_field(std::string_view name, std::string_view value, Http2Head& head,
                Http2HeadScratch& scratch) {
  if (take_pseudo(name, value, head)) return;
  if (name == "content-type") return set_first(head.content_type, value);
  if (name == "user-agent") return set_first(head.user_agent, value);
  if (name == "host") return set_first(head.host, value);
  if (name.starts_with("grpc-")) {
    head.has_grpc_fields = true;
    if (name == "grpc-status") set_first(head.grpc_status, value);
    if (name == "grpc-timeout") set_first(head.grpc_timeout, value);
    return;
  }
  take_propagation(name, value, head.propagation, scratch);
}

}  // namespace

Http2Head read_head(const http2::HeaderBlock& block, Http2HeadScratch& scratch) {
  Http2Head head;
  head.incomplete = block.incomplete;
  head.has_unknown = block.has_unknown;
  head.fields = block.fields;
  for (const http2::Field& field : block.fields) {
    if (!field.name) {
      head.has_unknown = true;
    } else if (!field.value) {
      head.has_unknown = true;
      take_pseudo(*field.name, {}, head);
      head.has_grpc_fields = head.has_grpc_fields || field.name->starts_with("grpc-");
    } else {
      take_field(*field.name, *field.value, head, scratch);
    }
  }
  return head;
}

std::optional<TraceContext> Http2Head::trace_context() const {
  if (is_whole()) return extract(propagation);
  if (!propagation.traceparent.empty()) {
    return parse_traceparent(propagation.traceparent, propagation.tracestate);
  }
  return propagation.b3.empty() ? std::nullopt : parse_b3_single(propagation.b3);
}

}  // namespace kernspan
