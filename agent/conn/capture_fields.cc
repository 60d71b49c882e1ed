#include "agent/conn/capture_fields.h"

#include "agent/protocol/http1/field_lines.h"

namespace kernspan {
namespace {

const HeaderNames& captured_names(const ConnEnvironment& environment, bool of_response) {
  return of_response ? environment.headers->response : environment.headers->request;
}

}  // namespace

void find_fields(const http1::Head& head, ConnEnvironment& environment, Exchange& exchange) {
  const bool of_response = head.kind == http1::MessageKind::kResponse;
  const HeaderNames& names = captured_names(environment, of_response);
  if (names.empty()) return;
  std::string_view lines = head.fields;
  for (http1::FieldLine field; http1::take_field_line(lines, field);) {
    const std::string* name = names.find(field.name);
    if (name) exchange.capture(environment.header_budget, of_response, *name, field.value);
  }
}

void find_fields(const Http2Head& head, bool of_response, ConnEnvironment& environment,
                 Exchange& exchange) {
  const HeaderNames& names = captured_names(environment, of_response);
  if (names.empty()) return;
  for (const http2::Field& field : head.fields) {
    // On a connection that is older than the agent either may be unknown.
    if (!field.name || !field.value) continue;
    const std::string* name = names.find(*field.name);
    if (name) exchange.capture(environment.header_budget, of_response, *name, *field.value);
  }
}

}  // namespace kernspan
