#include "pipeline/otlp/json_parts.h"

#include "pipeline/otlp/wire_fields.h"

namespace kernspan::otlp {
namespace {

using protozero::pbf_reader;
using protozero::pbf_wire_type;

// Lists and maps may nest; protobuf's own readers stop at 100 messages, which is 33 values.
constexpr int kMaxValueDepth = 32;

// Thrown inside this file, next to protozero's exceptions.
class MalformedError : public protozero::exception {
 public:
  const char* what() const noexcept override { return "malformed OTLP message"; }
};

}  // namespace

namespace json_wire {

void require(bool condition) {
  if (!condition) throw MalformedError();
}

std::string_view bytes_of(pbf_reader& field) {
  require(field.wire_type() == pbf_wire_type::length_delimited);
  const auto view = field.get_view();
  return {view.data(), view.size()};
}

pbf_reader message_of(pbf_reader& field) {
  require(field.wire_type() == pbf_wire_type::length_delimited);
  return field.get_message();
}

std::string_view id_of(pbf_reader& field, std::size_t size) {
  const std::string_view id = bytes_of(field);
  require(id.empty() || id.size() == size);
  return id;
}

std::uint64_t varint_of(pbf_reader& field) {
  require(field.wire_type() == pbf_wire_type::varint);
  return field.get_uint64();
}

std::uint64_t fixed64_of(pbf_reader& field) {
  require(field.wire_type() == pbf_wire_type::fixed64);
  return field.get_fixed64();
}

std::uint32_t fixed32_of(pbf_reader& field) {
  require(field.wire_type() == pbf_wire_type::fixed32);
  return field.get_fixed32();
}

double double_of(pbf_reader& field) {
  require(field.wire_type() == pbf_wire_type::fixed64);
  return field.get_double();
}

}  // namespace json_wire

using namespace json_wire;

void JsonParts::schema_url(bool& first, pbf_reader message, std::uint32_t field,
                           JsonOutcome& outcome) {
  std::string_view url;
  try {
    while (message.next(field)) url = bytes_of(message);
  } catch (const protozero::exception&) {
    ++outcome.malformed_parts;
  }
  optional_string(first, "schemaUrl", url);
}

void JsonParts::resource(pbf_reader parent) {
  out_ += '{';
  bool first = true;
  attributes_of(first, parent, wire::resource_spans::kResource, wire::resource::kAttributes);
  std::uint64_t dropped = 0;
  each_field(parent, wire::resource_spans::kResource, [&](pbf_reader& field) {
    if (field.tag() == wire::resource::kDroppedAttributesCount) {
      dropped = varint_of(field);
    } else {
      field.skip();
    }
  });
  optional_number(first, "droppedAttributesCount", dropped);
  out_ += '}';
}

void JsonParts::scope(pbf_reader parent) {
  out_ += '{';
  bool first = true;
  std::string_view name;
  std::string_view version;
  std::uint64_t dropped = 0;
  each_field(parent, wire::scope_spans::kScope, [&](pbf_reader& field) {
    switch (field.tag()) {
      case wire::scope::kName:
        name = bytes_of(field);
        break;
      case wire::scope::kVersion:
        version = bytes_of(field);
        break;
      case wire::scope::kDroppedAttributesCount:
        dropped = varint_of(field);
        break;
      default:
        field.skip();
    }
  });
  optional_string(first, "name", name);
  optional_string(first, "version", version);
  attributes_of(first, parent, wire::scope_spans::kScope, wire::scope::kAttributes);
  optional_number(first, "droppedAttributesCount", dropped);
  out_ += '}';
}

void JsonParts::attributes_of(bool& first, pbf_reader parent, std::uint32_t message_field,
                              std::uint32_t field) {
  bool first_item = true;
  while (parent.next(message_field)) {
    items(first, first_item, "attributes", message_of(parent), field,
          [&](pbf_reader item) { key_value(item, 0); });
  }
  if (!first_item) out_ += ']';
}

void JsonParts::attributes(bool& first, pbf_reader message, std::uint32_t field,
                           std::string_view name) {
  array(first, name, message, field, [&](pbf_reader item) { key_value(item, 0); });
}

void JsonParts::key_value(pbf_reader message, int depth) {
  std::string_view name;
  for (pbf_reader field = message; field.next();) {
    if (field.tag() == wire::key_value::kKey) {
      name = bytes_of(field);
    } else {
      field.skip();
    }
  }
  out_ += '{';
  bool first = true;
  string(first, "key", name);
  pbf_reader value;
  bool has_value = false;
  while (message.next(wire::key_value::kValue)) {
    value = message_of(message);
    has_value = true;
  }
  if (has_value) {
    key(first, "value");
    any_value(value, depth);
  }
  out_ += '}';
}

// The value's members are a oneof: the last one on the wire counts.
void JsonParts::any_value(pbf_reader message, int depth) {
  require(depth < kMaxValueDepth);
  pbf_reader last;
  std::uint32_t kind = 0;
  for (pbf_reader field = message; field.next(); field.skip()) {
    if (field.tag() < wire::any_value::kString || field.tag() > wire::any_value::kBytes) continue;
    last = field;
    kind = field.tag();
  }
  out_ += '{';
  bool first = true;
  switch (kind) {
    case wire::any_value::kString:
      string(first, "stringValue", bytes_of(last));
      break;
    case wire::any_value::kBool:
      key(first, "boolValue");
      out_ += varint_of(last) != 0 ? "true" : "false";
      break;
    case wire::any_value::kInt:
      key(first, "intValue");
      out_ += '"';
      number(static_cast<std::int64_t>(varint_of(last)));
      out_ += '"';
      break;
    case wire::any_value::kDouble:
      key(first, "doubleValue");
      floating(double_of(last));
      break;
    case wire::any_value::kArray:
      key(first, "arrayValue");
      values(message_of(last), [&](pbf_reader item) { any_value(item, depth + 1); });
      break;
    case wire::any_value::kKvlist:
      key(first, "kvlistValue");
      values(message_of(last), [&](pbf_reader item) { key_value(item, depth + 1); });
      break;
    case wire::any_value::kBytes:
      key(first, "bytesValue");
      base64(bytes_of(last));
      break;
    default:
      break;
  }
  out_ += '}';
}

}  // namespace kernspan::otlp
