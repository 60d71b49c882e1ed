#include "agent/receiver/encoded_resource.h"

#include <cstdint>
#include <string_view>
#include <vector>

#include "pipeline/otlp/span_encoder.h"
#include "pipeline/otlp/wire_fields.h"
#include "pipeline/otlp/wire_writer.h"

namespace kernspan {
namespace {

namespace wire = otlp::wire;

// Field 1 of Resource, as otlp::encode_resource() writes those of other types.
void write_list(otlp::WireWriter& out, std::string_view key,
                const std::vector<std::string>& values) {
  out.begin(wire::resource::kAttributes);
  out.bytes(wire::key_value::kKey, key);
  out.begin(wire::key_value::kValue);
  out.begin(wire::any_value::kArray);
  for (const std::string& value : values) {
    out.begin(wire::value_list::kValues);
    out.bytes(wire::any_value::kString, value);
    out.end();
  }
  out.end();
  out.end();
  out.end();
}

}  // namespace

std::string encoded_resource(std::span<const process::Attribute> attributes) {
  std::vector<otlp::Attribute> fields;
  otlp::WireWriter lists;
  for (const process::Attribute& attribute : attributes) {
    if (const auto* text = std::get_if<std::string>(&attribute.value)) {
      fields.push_back({attribute.key, std::string_view(*text)});
    } else if (const auto* number = std::get_if<std::int64_t>(&attribute.value)) {
      fields.push_back({attribute.key, *number});
    } else {
      write_list(lists, attribute.key, std::get<std::vector<std::string>>(attribute.value));
    }
  }
  return otlp::encode_resource(fields) + lists.finish();
}

}  // namespace kernspan
