#include "pipeline/otlp/value_text.h"

#include <fmt/format.h>

#include "pipeline/otlp/json_text.h"

namespace kernspan::otlp {
namespace {

// As deep as Batch lets values be (kMaxMessageDepth).
void append_json_value(const ValueView& value, std::string& out) {
  JsonText json(out);
  bool first = true;
  switch (value.kind()) {
    case ValueKind::kString:
      json.quote(value.as_string());
      break;
    case ValueKind::kBool:
      out += value.as_bool() ? "true" : "false";
      break;
    case ValueKind::kInt:
      json.number(value.as_int());
      break;
    case ValueKind::kDouble:
      json.floating(value.as_double());
      break;
    case ValueKind::kArray:
      out += '[';
      for (const ValueView item : value.items()) {
        json.separate(first);
        append_json_value(item, out);
      }
      out += ']';
      break;
    case ValueKind::kKvlist:
      out += '{';
      for (const AttributeView entry : value.entries()) {
        json.separate(first);
        json.quote(entry.key);
        out += ':';
        append_json_value(entry.value(), out);
      }
      out += '}';
      break;
    case ValueKind::kBytes:
      json.base64(value.as_bytes());
      break;
    case ValueKind::kNone:
      out += "null";
      break;
  }
}

}  // namespace

std::string value_text(const ValueView& value) {
  switch (value.kind()) {
    case ValueKind::kNone:
      return "";
    case ValueKind::kString:
      return std::string(value.as_string());
    case ValueKind::kBytes: {
      std::string quoted;
      JsonText(quoted).base64(value.as_bytes());
      return quoted.substr(1, quoted.size() - 2);
    }
    case ValueKind::kDouble:
      return fmt::format("{}", value.as_double());
    default:
      break;
  }
  std::string text;
  append_json_value(value, text);
  return text;
}

}  // namespace kernspan::otlp
