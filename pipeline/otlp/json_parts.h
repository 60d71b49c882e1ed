// What the JSON forms of all signals are made of: resources, scopes, attributes and values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>
#include <string_view>

#include "pipeline/otlp/json_text.h"
#include "pipeline/otlp/json_writer.h"
#include "pipeline/otlp/wire_fields.h"

namespace kernspan::otlp {

// The fields of messages from outside: each throws a protozero::exception when the field is of
// another wire type.
namespace json_wire {
void require(bool condition);
std::string_view bytes_of(protozero::pbf_reader& field);
protozero::pbf_reader message_of(protozero::pbf_reader& field);
// An id of that size, or an empty one: readers refuse others.
std::string_view id_of(protozero::pbf_reader& field, std::size_t size);
std::uint64_t varint_of(protozero::pbf_reader& field);
std::uint64_t fixed64_of(protozero::pbf_reader& field);
std::uint32_t fixed32_of(protozero::pbf_reader& field);
double double_of(protozero::pbf_reader& field);
}  // namespace json_wire

// Fields of a message come in any order and a JSON array must stay together: each repeated field is
// one more pass over its message, which costs less than remembering where its items were.
class JsonParts : protected JsonText {
 protected:
  using pbf_reader = protozero::pbf_reader;

  explicit JsonParts(std::string& out) : JsonText(out) {}

  // The resource of a ResourceSpans or ResourceMetrics, the scope of a ScopeSpans or ScopeMetrics:
  // the messages have the same shape.
  void resource(pbf_reader parent);
  void scope(pbf_reader parent);
  void schema_url(bool& first, pbf_reader message, std::uint32_t field, JsonOutcome& outcome);

  void attributes(bool& first, pbf_reader message, std::uint32_t field,
                  std::string_view name = "attributes");
  void key_value(pbf_reader message, int depth);
  void any_value(pbf_reader message, int depth);

  // "{}" in place of what throws.
  template <typename Write>
  void or_empty(JsonOutcome& outcome, Write write) {
    const std::size_t before = out_.size();
    try {
      write();
    } catch (const protozero::exception&) {
      out_.resize(before);
      out_ += "{}";
      ++outcome.malformed_parts;
    }
  }

  // A singular message that occurs several times counts as the merge of all: `parent` is walked for
  // each occurrence of `field`.
  template <typename OnField>
  static void each_field(pbf_reader parent, std::uint32_t field, OnField on_field) {
    while (parent.next(field)) {
      for (pbf_reader message = json_wire::message_of(parent); message.next();) on_field(message);
    }
  }

  // Writes "name":[ before the first item; the caller closes the bracket if there was one.
  template <typename WriteItem>
  void items(bool& first, bool& first_item, std::string_view name, pbf_reader message,
             std::uint32_t field, WriteItem write_item) {
    while (message.next(field)) {
      if (first_item) {
        key(first, name);
        out_ += '[';
      }
      separate(first_item);
      write_item(json_wire::message_of(message));
    }
  }

  template <typename WriteItem>
  void array(bool& first, std::string_view name, pbf_reader message, std::uint32_t field,
             WriteItem write_item) {
    bool first_item = true;
    items(first, first_item, name, message, field, write_item);
    if (!first_item) out_ += ']';
  }

  template <typename WriteItem>
  void values(pbf_reader message, WriteItem write_item) {
    out_ += "{\"values\":[";
    bool first = true;
    while (message.next(wire::value_list::kValues)) {
      separate(first);
      write_item(json_wire::message_of(message));
    }
    out_ += "]}";
  }

 private:
  void attributes_of(bool& first, pbf_reader parent, std::uint32_t message_field,
                     std::uint32_t field);
};

}  // namespace kernspan::otlp
