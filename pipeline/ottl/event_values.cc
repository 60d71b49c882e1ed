#include "pipeline/ottl/event_values.h"

#include "pipeline/otlp/message_check.h"
#include "pipeline/otlp/span_view.h"
#include "pipeline/otlp/wire_fields.h"
#include "pipeline/otlp/wire_reader.h"

namespace kernspan::ottl {
namespace {

Text name_of(std::string_view literal) {
  return Text::borrowed(literal);
}

void append_int(Map& map, std::string_view name, std::uint64_t number) {
  map.append(name_of(name), Value::integer(static_cast<std::int64_t>(number)));
}

// Below the request, its resource, its scope and the span.
constexpr int kDepth = 4;

bool is_well_formed(otlp::MessageName name, std::string_view message) {
  otlp::MessageCheck check;
  return check.message(name, message.data(), message.data() + message.size(), kDepth);
}

Result<std::string> encode_all(const Value& messages, std::uint32_t field, otlp::MessageName name,
                               std::string_view what) {
  if (!messages.is(ValueType::kList)) {
    return permanent("expected a span's " + std::string(what) + " but got " +
                     std::string(type_name(messages.type())));
  }
  std::string fields;
  for (const Value& message : messages.as_list()) {
    const Value* const encoded =
        message.is(ValueType::kMap) ? message.as_map().find("encoded") : nullptr;
    if (encoded == nullptr || !encoded->is(ValueType::kBytes) ||
        !is_well_formed(name, encoded->as_bytes())) {
      return permanent("takes only what is read from the " + std::string(what) + " of a span");
    }
    otlp::append_bytes_field(fields, field, encoded->as_bytes());
  }
  return fields;
}

}  // namespace

Value events_value(const std::vector<std::string_view>& events) {
  List list;
  list.reserve(events.size());
  for (const std::string_view bytes : events) {
    const otlp::EventView event(bytes);
    Map map;
    append_int(map, "time_unix_nano", event.time_unix_ns);
    map.append(name_of("name"), Value::borrowed(event.name));
    map.append(name_of("attributes"), Value::from_attributes(event.attributes()));
    append_int(map, "dropped_attributes_count", event.dropped_attributes_count);
    map.append(name_of("encoded"), Value::bytes(Text::borrowed(bytes)));
    list.push_back(Value::map(std::move(map)));
  }
  return Value::list(std::move(list));
}

Value links_value(const std::vector<std::string_view>& links) {
  List list;
  list.reserve(links.size());
  for (const std::string_view bytes : links) {
    const otlp::LinkView link(bytes);
    Map map;
    map.append(name_of("trace_id"), Value::bytes(std::string(link.trace_id.view())));
    map.append(name_of("span_id"), Value::bytes(std::string(link.span_id.view())));
    map.append(name_of("trace_state"), Value::borrowed(link.trace_state));
    map.append(name_of("attributes"), Value::from_attributes(link.attributes()));
    append_int(map, "dropped_attributes_count", link.dropped_attributes_count);
    append_int(map, "flags", link.flags);
    map.append(name_of("encoded"), Value::bytes(Text::borrowed(bytes)));
    list.push_back(Value::map(std::move(map)));
  }
  return Value::list(std::move(list));
}

Result<std::string> encode_events(const Value& events) {
  return encode_all(events, otlp::wire::span::kEvents, otlp::MessageName::kEvent, "events");
}

Result<std::string> encode_links(const Value& links) {
  return encode_all(links, otlp::wire::span::kLinks, otlp::MessageName::kLink, "links");
}

}  // namespace kernspan::ottl
