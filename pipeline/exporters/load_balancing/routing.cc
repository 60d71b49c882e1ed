#include "pipeline/exporters/load_balancing/routing.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <string_view>
#include <utility>

#include "pipeline/otlp/request_builder.h"

namespace kernspan {
namespace {

using otlp::ValueKind;
using otlp::ValueView;

constexpr std::uint32_t kNoResource = 0xFFFF'FFFF;

std::string_view kind_name(otlp::SpanKind kind) {
  constexpr std::array<std::string_view, 6> kNames = {"Unspecified", "Internal", "Server",
                                                      "Client",      "Producer", "Consumer"};
  return kNames[static_cast<std::size_t>(kind)];
}

// As Go's strconv.FormatFloat(value, 'g', -1, 64).
void append_double(double value, std::string& out) {
  if (value != value) {
    out += "NaN";
    return;
  }
  std::array<char, 64> text{};
  char* const begin = text.data();
  char* const limit = begin + text.size();
  char* end = std::to_chars(begin, limit, value, std::chars_format::scientific).ptr;
  const std::string_view scientific(begin, static_cast<std::size_t>(end - begin));
  if (scientific.ends_with("inf")) {
    out += value > 0 ? "+Inf" : "-Inf";
    return;
  }
  int exponent = 0;
  const std::size_t mark = scientific.find('e');
  const bool is_negative = scientific[mark + 1] == '-';
  std::from_chars(begin + mark + 2, end, exponent);
  if (is_negative) exponent = -exponent;
  if (exponent >= -4 && exponent < 6) {
    end = std::to_chars(begin, limit, value, std::chars_format::fixed).ptr;
  }
  out.append(begin, end);
}

void append_base64(std::string_view bytes, std::string& out) {
  std::string encoded((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  out.append(encoded, 0, static_cast<std::size_t>(size));
}

void append_value(const ValueView& value, std::string& out);

void append_list(const ValueView& value, std::string& out) {
  out += '[';
  bool is_first = true;
  for (const ValueView item : value.items()) {
    if (!std::exchange(is_first, false)) out += ',';
    append_value(item, out);
  }
  out += ']';
}

void append_map(const ValueView& value, std::string& out) {
  std::vector<otlp::AttributeView> entries;
  for (const otlp::AttributeView entry : value.entries()) entries.push_back(entry);
  std::ranges::stable_sort(entries, {}, &otlp::AttributeView::key);
  out += '{';
  bool is_first = true;
  for (const otlp::AttributeView& entry : entries) {
    if (!std::exchange(is_first, false)) out += ',';
    out += entry.key;
    out += ':';
    append_value(entry.value(), out);
  }
  out += '}';
}

// Values nest no deeper than a request may (request_check.h).
void append_value(const ValueView& value, std::string& out) {
  std::array<char, 24> digits{};
  switch (value.kind()) {
    case ValueKind::kString:
      out += value.as_string();
      break;
    case ValueKind::kBool:
      out += value.as_bool() ? "true" : "false";
      break;
    case ValueKind::kInt:
      out.append(digits.data(),
                 std::to_chars(digits.data(), digits.data() + digits.size(), value.as_int()).ptr);
      break;
    case ValueKind::kDouble:
      append_double(value.as_double(), out);
      break;
    case ValueKind::kBytes:
      append_base64(value.as_bytes(), out);
      break;
    case ValueKind::kArray:
      append_list(value, out);
      break;
    case ValueKind::kKvlist:
      append_map(value, out);
      break;
    case ValueKind::kNone:
      break;
  }
}

// Whether there is an attribute of that key, though it may have no value.
bool has(const otlp::AttributeRange& attributes, std::string_view key, ValueView* value) {
  for (const otlp::AttributeView attribute : attributes) {
    if (attribute.key != key) continue;
    *value = attribute.value();
    return true;
  }
  return false;
}

// Of the scope or the span; nothing is appended when neither has it.
void append_from_span(const otlp::SpanIndex& index, std::size_t span, const std::string& name,
                      std::string& out) {
  ValueView value;
  if (has(index.scope_of(span).attributes(), name, &value)) {
    append_value(value, out);
  } else if (name == "span.kind") {
    out += kind_name(index.spans()[span].kind);
  } else if (name == "span.name") {
    out += index.view(span).name;
  } else if (has({index.bytes(span), otlp::wire::span::kAttributes}, name, &value)) {
    append_value(value, out);
  }
}

// Answers for one span after the other, and remembers the last answer.
class Owners {
 public:
  Owners(const otlp::SpanIndex& index, const HashRing& ring, const Routing& routing)
      : index_(index), ring_(ring), routing_(routing) {}

  std::size_t of(std::size_t span) {
    return routing_.key == RoutingKey::kTraceId ? by_trace(span) : by_attributes(span);
  }

 private:
  std::size_t by_trace(std::size_t span) {
    const TraceId& id = index_.spans()[span].trace_id;
    if (owner_ == HashRing::kNone || id != trace_id_) {
      trace_id_ = id;
      owner_ = ring_.owner(id);
    }
    return owner_;
  }

  std::size_t by_attributes(std::size_t span) {
    const std::uint32_t resource = index_.resource_number(span);
    if (resource == resource_) return owner_;
    const bool is_same_for_all = attribute_key(index_, span, routing_.attributes, &key_);
    resource_ = is_same_for_all ? resource : kNoResource;
    owner_ = ring_.owner(key_);
    return owner_;
  }

  const otlp::SpanIndex& index_;
  const HashRing& ring_;
  const Routing& routing_;
  std::size_t owner_ = HashRing::kNone;
  TraceId trace_id_;
  std::uint32_t resource_ = kNoResource;  // whose spans all have owner_
  std::string key_;
};

}  // namespace

bool attribute_key(const otlp::SpanIndex& index, std::size_t span,
                   const std::vector<std::string>& attributes, std::string* key) {
  bool by_resource = true;
  key->clear();
  for (const std::string& name : attributes) {
    *key += name;
    *key += '=';
    ValueView value;
    if (has(index.resource_of(span).attributes(), name, &value)) {
      append_value(value, *key);
    } else {
      by_resource = false;
      append_from_span(index, span, name, *key);
    }
    *key += '|';
  }
  return by_resource;
}

std::vector<OwnedPart> split_by_owner(otlp::Batch batch, const HashRing& ring,
                                      const Routing& routing) {
  std::vector<OwnedPart> parts;
  if (ring.endpoints().size() == 1) {
    parts.push_back({0, std::move(batch)});
    return parts;
  }
  const otlp::SpanIndex index(batch);
  Owners owners(index, ring, routing);
  std::vector<std::unique_ptr<otlp::RequestBuilder>> builders(ring.endpoints().size());
  std::vector<std::size_t> used;
  for (std::size_t span = 0; span < index.size(); ++span) {
    const std::size_t owner = owners.of(span);
    if (builders[owner] == nullptr) {
      builders[owner] = std::make_unique<otlp::RequestBuilder>(index.tree(), batch.signal());
      used.push_back(owner);
    }
    builders[owner]->add(index.spans()[span].scope, index.spans()[span].position);
  }
  if (used.size() == 1) {
    parts.push_back({used.front(), std::move(batch)});
    return parts;
  }
  for (const std::size_t owner : used) parts.push_back({owner, builders[owner]->take()});
  return parts;
}

}  // namespace kernspan
