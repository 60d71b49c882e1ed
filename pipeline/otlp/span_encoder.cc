#include "pipeline/otlp/span_encoder.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "pipeline/otlp/utf8.h"
#include "pipeline/otlp/wire_fields.h"

namespace kernspan::otlp {
namespace {

// Wire types of the protobuf encoding.
constexpr std::uint32_t kVarint = 0;
constexpr std::uint32_t kFixed64 = 1;
constexpr std::uint32_t kBytes = 2;
constexpr std::uint32_t kFixed32 = 5;

constexpr std::uint64_t tag(std::uint32_t field, std::uint32_t wire_type) {
  return std::uint64_t{field} << 3 | wire_type;
}

// A varint carries 7 bits a byte.
constexpr std::size_t varint_size(std::uint64_t value) {
  if (value < 0x80) return 1;  // nearly all are
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}

constexpr std::size_t bytes_field_size(std::uint32_t field, std::size_t size) {
  return varint_size(tag(field, kBytes)) + varint_size(size) + size;
}

constexpr std::size_t varint_field_size(std::uint32_t field, std::uint64_t value) {
  return varint_size(tag(field, kVarint)) + varint_size(value);
}

constexpr std::size_t fixed_field_size(std::uint32_t field, std::size_t size) {
  return varint_size(tag(field, kVarint)) + size;
}

// Writes fields forwards into memory that was sized for them beforehand.
class FieldWriter {
 public:
  explicit FieldWriter(char* cursor) : cursor_(cursor) {}

  char* cursor() const { return cursor_; }
  std::size_t replaced_bytes() const { return replaced_bytes_; }

  void varint(std::uint64_t value) {
    while (value >= 0x80) {
      *cursor_++ = static_cast<char>(value | 0x80);
      value >>= 7;
    }
    *cursor_++ = static_cast<char>(value);
  }
  void raw(std::string_view bytes) {
    if (bytes.empty()) return;
    std::memcpy(cursor_, bytes.data(), bytes.size());
    cursor_ += bytes.size();
  }
  void begin_message(std::uint32_t field, std::size_t size) {
    varint(tag(field, kBytes));
    varint(size);
  }
  void bytes_field(std::uint32_t field, std::string_view bytes) {
    begin_message(field, bytes.size());
    raw(bytes);
  }
  void string_field(std::uint32_t field, std::string_view text) {
    begin_message(field, text.size());
    if (!copy_is_ascii(cursor_, text)) {
      replaced_bytes_ += replace_invalid_utf8(cursor_, text.size());
    }
    cursor_ += text.size();
  }
  void varint_field(std::uint32_t field, std::uint64_t value) {
    varint(tag(field, kVarint));
    varint(value);
  }
  void fixed32_field(std::uint32_t field, std::uint32_t value) {
    varint(tag(field, kFixed32));
    little_endian(value);
  }
  void fixed64_field(std::uint32_t field, std::uint64_t value) {
    varint(tag(field, kFixed64));
    little_endian(value);
  }

 private:
  template <typename Unsigned>
  void little_endian(Unsigned value) {
    static_assert(std::endian::native == std::endian::little);
    std::memcpy(cursor_, &value, sizeof value);
    cursor_ += sizeof value;
  }

  char* cursor_;
  std::size_t replaced_bytes_ = 0;
};

// Size of the ArrayValue: strings, each an AnyValue of its own.
std::size_t list_size(std::span<const std::string_view> texts) {
  std::size_t size = 0;
  for (const std::string_view text : texts) {
    size += bytes_field_size(wire::value_list::kValues,
                             bytes_field_size(wire::any_value::kString, text.size()));
  }
  return size;
}

// Size of the AnyValue. A oneof member is written even when it is zero or empty.
std::size_t value_size(const AttributeValue& value) {
  switch (value.index()) {
    case 0:
      return bytes_field_size(wire::any_value::kString, std::get<0>(value).size());
    case 1:
      return varint_field_size(wire::any_value::kInt,
                               static_cast<std::uint64_t>(std::get<1>(value)));
    case 2:
      return fixed_field_size(wire::any_value::kDouble, sizeof(double));
    case 3:
      return varint_field_size(wire::any_value::kBool, 1);
    default:
      return bytes_field_size(wire::any_value::kArray, list_size(std::get<4>(value)));
  }
}

std::size_t attribute_size(const Attribute& attribute, std::size_t size_of_value) {
  return bytes_field_size(wire::key_value::kKey, attribute.key.size()) +
         bytes_field_size(wire::key_value::kValue, size_of_value);
}

std::size_t attributes_size(std::uint32_t field, std::span<const Attribute> attributes) {
  std::size_t size = 0;
  for (const Attribute& attribute : attributes) {
    size += bytes_field_size(field, attribute_size(attribute, value_size(attribute.value)));
  }
  return size;
}

void write_list(FieldWriter& out, std::span<const std::string_view> texts) {
  out.begin_message(wire::any_value::kArray, list_size(texts));
  for (const std::string_view text : texts) {
    out.begin_message(wire::value_list::kValues,
                      bytes_field_size(wire::any_value::kString, text.size()));
    out.string_field(wire::any_value::kString, text);
  }
}

void write_value(FieldWriter& out, const AttributeValue& value) {
  switch (value.index()) {
    case 0:
      out.string_field(wire::any_value::kString, std::get<0>(value));
      break;
    case 1:
      out.varint_field(wire::any_value::kInt, static_cast<std::uint64_t>(std::get<1>(value)));
      break;
    case 2:
      out.fixed64_field(wire::any_value::kDouble, std::bit_cast<std::uint64_t>(std::get<2>(value)));
      break;
    case 3:
      out.varint_field(wire::any_value::kBool, std::get<3>(value) ? 1 : 0);
      break;
    default:
      write_list(out, std::get<4>(value));
  }
}

void write_attributes(FieldWriter& out, std::uint32_t field,
                      std::span<const Attribute> attributes) {
  for (const Attribute& attribute : attributes) {
    const std::size_t size_of_value = value_size(attribute.value);
    out.begin_message(field, attribute_size(attribute, size_of_value));
    out.string_field(wire::key_value::kKey, attribute.key);
    out.begin_message(wire::key_value::kValue, size_of_value);
    write_value(out, attribute.value);
  }
}

std::size_t status_size(const SpanData& span) {
  std::size_t size = 0;
  if (!span.status_message.empty()) {
    size += bytes_field_size(wire::status::kMessage, span.status_message.size());
  }
  if (span.status_code != StatusCode::kUnset) {
    size += varint_field_size(wire::status::kCode, std::to_underlying(span.status_code));
  }
  return size;
}

std::size_t span_size(const SpanData& span) {
  std::size_t size = bytes_field_size(wire::span::kTraceId, sizeof span.trace_id.bytes) +
                     bytes_field_size(wire::span::kSpanId, sizeof span.span_id.bytes) +
                     fixed_field_size(wire::span::kStartTimeUnixNano, 8) +
                     fixed_field_size(wire::span::kEndTimeUnixNano, 8);
  if (!span.name.empty()) size += bytes_field_size(wire::span::kName, span.name.size());
  if (!span.trace_state.empty()) {
    size += bytes_field_size(wire::span::kTraceState, span.trace_state.size());
  }
  if (span.parent_span_id.is_valid()) {
    size += bytes_field_size(wire::span::kParentSpanId, sizeof span.parent_span_id.bytes);
  }
  if (span.kind != SpanKind::kUnspecified) {
    size += varint_field_size(wire::span::kKind, std::to_underlying(span.kind));
  }
  size += attributes_size(wire::span::kAttributes, span.attributes);
  if (span.dropped_attributes_count != 0) {
    size += varint_field_size(wire::span::kDroppedAttributesCount, span.dropped_attributes_count);
  }
  if (const std::size_t status = status_size(span); status != 0) {
    size += bytes_field_size(wire::span::kStatus, status);
  }
  if (span.flags != 0) size += fixed_field_size(wire::span::kFlags, 4);
  return size;
}

void write_span(FieldWriter& out, const SpanData& span) {
  out.bytes_field(wire::span::kTraceId, span.trace_id.view());
  out.bytes_field(wire::span::kSpanId, span.span_id.view());
  if (!span.trace_state.empty()) out.string_field(wire::span::kTraceState, span.trace_state);
  if (span.parent_span_id.is_valid()) {
    out.bytes_field(wire::span::kParentSpanId, span.parent_span_id.view());
  }
  if (!span.name.empty()) out.string_field(wire::span::kName, span.name);
  if (span.kind != SpanKind::kUnspecified) {
    out.varint_field(wire::span::kKind, std::to_underlying(span.kind));
  }
  out.fixed64_field(wire::span::kStartTimeUnixNano, span.start_time_unix_ns);
  out.fixed64_field(wire::span::kEndTimeUnixNano, span.end_time_unix_ns);
  write_attributes(out, wire::span::kAttributes, span.attributes);
  if (span.dropped_attributes_count != 0) {
    out.varint_field(wire::span::kDroppedAttributesCount, span.dropped_attributes_count);
  }
  if (const std::size_t status = status_size(span); status != 0) {
    out.begin_message(wire::span::kStatus, status);
    if (!span.status_message.empty()) {
      out.string_field(wire::status::kMessage, span.status_message);
    }
    if (span.status_code != StatusCode::kUnset) {
      out.varint_field(wire::status::kCode, std::to_underlying(span.status_code));
    }
  }
  if (span.flags != 0) out.fixed32_field(wire::span::kFlags, span.flags);
}

// Grows `text` by `size` bytes, doubling its capacity when it must, and hands `write` a FieldWriter
// at the new bytes; `write` fills exactly these.
template <typename Write>
std::size_t append_fields(std::string& text, std::size_t size, Write write) {
  const std::size_t begin = text.size();
  if (text.capacity() < begin + size) text.reserve(std::max(2 * text.capacity(), begin + size));
  std::size_t replaced = 0;
  text.resize_and_overwrite(begin + size, [&](char* data, std::size_t total) {
    FieldWriter out(data + begin);
    write(out);
    replaced = out.replaced_bytes();
    return total;
  });
  return replaced;
}

std::string encode_scope(std::string_view name, std::string_view version) {
  const std::size_t size = bytes_field_size(wire::scope::kName, name.size()) +
                           bytes_field_size(wire::scope::kVersion, version.size());
  std::string bytes;
  append_fields(bytes, bytes_field_size(wire::scope_spans::kScope, size), [&](FieldWriter& out) {
    out.begin_message(wire::scope_spans::kScope, size);
    out.string_field(wire::scope::kName, name);
    out.string_field(wire::scope::kVersion, version);
  });
  return bytes;
}

}  // namespace

std::string encode_resource(std::span<const Attribute> attributes) {
  std::string bytes;
  append_fields(
      bytes, attributes_size(wire::resource::kAttributes, attributes),
      [&](FieldWriter& out) { write_attributes(out, wire::resource::kAttributes, attributes); });
  return bytes;
}

RequestEncoder::RequestEncoder() : RequestEncoder("kernspan", KERNSPAN_VERSION) {}

RequestEncoder::RequestEncoder(std::string_view scope_name, std::string_view scope_version)
    : scope_(encode_scope(scope_name, scope_version)) {}

RequestEncoder::Section& RequestEncoder::new_section(std::string_view encoded_resource) {
  if (used_ == sections_.size()) sections_.emplace_back();
  Section& section = sections_[used_++];
  section.resource.assign(encoded_resource);
  by_resource_.emplace(section.resource, &section);
  byte_count_ += section.resource.size() + scope_.size();
  return section;
}

void RequestEncoder::begin_resource(std::string_view encoded_resource) {
  if (current_ != nullptr && current_->resource == encoded_resource) return;
  const auto found = by_resource_.find(encoded_resource);
  current_ = found != by_resource_.end() ? found->second : &new_section(encoded_resource);
}

void RequestEncoder::add_span(const SpanData& span) {
  if (current_ == nullptr) begin_resource({});
  const std::size_t size = span_size(span);
  const std::size_t field_size = bytes_field_size(wire::scope_spans::kSpans, size);
  replaced_bytes_ += append_fields(current_->spans, field_size, [&](FieldWriter& out) {
    out.begin_message(wire::scope_spans::kSpans, size);
    write_span(out, span);
  });
  byte_count_ += field_size;
  ++span_count_;
}

Batch RequestEncoder::take() {
  // What idle sections may keep for the next request. A node with more services than this, or a
  // burst of large spans, costs allocations, not memory held for ever.
  constexpr std::size_t kMaxIdleSections = 64;
  constexpr std::size_t kMaxIdleBytes = 4 << 20;
  std::size_t idle_bytes = 0;

  std::string request;
  // Three length prefixes and tags of at most 6 bytes for each resource.
  request.reserve(byte_count_ + used_ * 3 * 6);
  for (std::size_t i = 0; i < used_; ++i) {
    Section& section = sections_[i];
    if (!section.spans.empty()) {
      const std::size_t scope_spans = scope_.size() + section.spans.size();
      const std::size_t resource_spans =
          bytes_field_size(wire::resource_spans::kResource, section.resource.size()) +
          bytes_field_size(wire::resource_spans::kScopeSpans, scope_spans);
      append_fields(request, bytes_field_size(wire::request::kResourceSpans, resource_spans),
                    [&](FieldWriter& out) {
                      out.begin_message(wire::request::kResourceSpans, resource_spans);
                      out.bytes_field(wire::resource_spans::kResource, section.resource);
                      out.begin_message(wire::resource_spans::kScopeSpans, scope_spans);
                      out.raw(scope_);
                      out.raw(section.spans);
                    });
    }
    section.spans.clear();
    idle_bytes += section.spans.capacity();
    if (idle_bytes > kMaxIdleBytes) section.spans.shrink_to_fit();
  }
  by_resource_.clear();
  current_ = nullptr;
  used_ = 0;
  if (sections_.size() > kMaxIdleSections) sections_.resize(kMaxIdleSections);
  byte_count_ = 0;
  return Batch::from_encoder(std::move(request), std::exchange(span_count_, 0));
}

}  // namespace kernspan::otlp
