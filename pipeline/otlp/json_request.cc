#include "pipeline/otlp/json_request.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "pipeline/base/ids.h"
#include "pipeline/otlp/json_schema.h"
#include "pipeline/otlp/json_values.h"
#include "pipeline/otlp/wire_writer.h"

namespace kernspan::otlp {
namespace {

using Json = nlohmann::json;

// What the parser calls; false ends the parse, with the reason in `problem`.
class RequestHandler final : public nlohmann::json_sax<Json> {
 public:
  explicit RequestHandler(Signal signal) : root_(request_message(signal)) {}

  const std::string& problem() const { return problem_; }
  std::string finish() { return out_.finish(); }

  bool null() override;
  bool boolean(bool value) override;
  bool number_integer(std::int64_t value) override { return scalar(JsonNumber(value)); }
  bool number_unsigned(std::uint64_t value) override { return scalar(JsonNumber(value)); }
  bool number_float(double value, const std::string&) override { return scalar(JsonNumber(value)); }
  bool string(std::string& value) override;
  bool binary(Json::binary_t&) override { return fail("is binary"); }
  bool start_object(std::size_t) override;
  bool key(std::string& name) override;
  bool end_object() override;
  bool start_array(std::size_t) override;
  bool end_array() override;
  bool parse_error(std::size_t, const std::string&, const Json::exception& error) override;

 private:
  // An object or array that is open. Of an array `field` is its own, of an object that of the key
  // that was read last: null when the message has no such field.
  struct Level {
    bool is_array = false;
    JsonMessage message = JsonMessage::kTracesRequest;
    const JsonField* field = nullptr;
    std::size_t index = 0;  // of an array's next item
  };

  // The field that a value is for; null when it is to be ignored. False after a fail().
  bool begin_value(const JsonField*& target);
  bool deeper();
  bool scalar(const JsonNumber& value);
  bool put_number(const JsonField& field, const JsonNumber& value);
  bool put_text(const JsonField& field, const std::string& text);
  void put_varint(const JsonField& field, std::uint64_t value);
  void put_fixed32(const JsonField& field, std::uint32_t value);
  void put_fixed64(const JsonField& field, std::uint64_t value);
  bool packed() const { return levels_.back().is_array; }
  bool fail(std::string_view what);

  const JsonMessage root_;
  WireWriter out_;
  std::vector<Level> levels_;
  int depth_ = 0;
  int ignored_depth_ = 0;  // levels inside of a value that has no field
  std::string problem_;
};

bool RequestHandler::fail(std::string_view what) {
  std::string path;
  for (const Level& level : levels_) {
    if (level.is_array) {
      path += fmt::format("[{}]", level.index == 0 ? 0 : level.index - 1);
    } else if (level.field != nullptr) {
      if (!path.empty()) path += '.';
      path += level.field->name;
    }
  }
  problem_ = path.empty() ? fmt::format("the request {}", what) : fmt::format("{} {}", path, what);
  return false;
}

bool RequestHandler::deeper() {
  if (++depth_ <= kMaxJsonDepth) return true;
  return fail(fmt::format("is nested more than {} levels deep", kMaxJsonDepth));
}

bool RequestHandler::begin_value(const JsonField*& target) {
  target = nullptr;
  if (ignored_depth_ > 0) return true;
  if (levels_.empty()) return fail("is not an object");
  Level& level = levels_.back();
  if (level.is_array) ++level.index;
  if (level.field != nullptr && level.field->repeated && !level.is_array) {
    return fail("is not an array");
  }
  target = level.field;
  return true;
}

bool RequestHandler::null() {
  if (ignored_depth_ > 0) return true;
  if (levels_.empty()) return fail("is not an object");
  Level& level = levels_.back();
  if (!level.is_array) return true;  // as if the key were not there
  ++level.index;
  return fail("is null");
}

bool RequestHandler::boolean(bool value) {
  const JsonField* field = nullptr;
  if (!begin_value(field)) return false;
  if (field == nullptr) return true;
  if (field->type != JsonType::kBool) return fail(expectation_of(field->type));
  put_varint(*field, value ? 1 : 0);
  return true;
}

bool RequestHandler::scalar(const JsonNumber& value) {
  const JsonField* field = nullptr;
  if (!begin_value(field)) return false;
  return field == nullptr || put_number(*field, value);
}

bool RequestHandler::string(std::string& value) {
  const JsonField* field = nullptr;
  if (!begin_value(field)) return false;
  return field == nullptr || put_text(*field, value);
}

bool RequestHandler::put_text(const JsonField& field, const std::string& text) {
  switch (field.type) {
    case JsonType::kString:
      out_.bytes(field.number, text);
      return true;
    case JsonType::kTraceId:
    case JsonType::kSpanId: {
      if (text.empty()) return true;
      std::string id;
      if (!append_hex_bytes(text, id) || id.size() != (field.type == JsonType::kTraceId ? 16 : 8)) {
        return fail(expectation_of(field.type));
      }
      out_.bytes(field.number, id);
      return true;
    }
    case JsonType::kBase64: {
      std::string bytes;
      if (!append_base64_bytes(text, bytes)) return fail(expectation_of(field.type));
      out_.bytes(field.number, bytes);
      return true;
    }
    default:
      break;
  }
  const auto names = enum_names(field.type);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] != text) continue;
    put_varint(field, i);
    return true;
  }
  const auto number = number_of_text(text);
  return number ? put_number(field, *number) : fail(expectation_of(field.type));
}

bool RequestHandler::put_number(const JsonField& field, const JsonNumber& value) {
  switch (field.type) {
    case JsonType::kSpanKind:
    case JsonType::kStatusCode:
    case JsonType::kTemporality:
      if (const auto number = value.as<std::int32_t>()) {
        put_varint(field, static_cast<std::uint64_t>(std::int64_t{*number}));
        return true;
      }
      break;
    case JsonType::kUint32:
      if (const auto number = value.as<std::uint32_t>()) return put_varint(field, *number), true;
      break;
    case JsonType::kInt64:
      if (const auto number = value.as<std::int64_t>()) {
        put_varint(field, static_cast<std::uint64_t>(*number));
        return true;
      }
      break;
    case JsonType::kUint64:
      if (const auto number = value.as<std::uint64_t>()) return put_varint(field, *number), true;
      break;
    case JsonType::kSint32:
      if (const auto number = value.as<std::int32_t>()) {
        const auto bits = static_cast<std::uint32_t>(*number);
        put_varint(field, bits << 1 ^ (*number < 0 ? 0xFFFF'FFFFU : 0U));
        return true;
      }
      break;
    case JsonType::kFixed32:
      if (const auto number = value.as<std::uint32_t>()) return put_fixed32(field, *number), true;
      break;
    case JsonType::kFixed64:
      if (const auto number = value.as<std::uint64_t>()) return put_fixed64(field, *number), true;
      break;
    case JsonType::kSfixed64:
      if (const auto number = value.as<std::int64_t>()) {
        put_fixed64(field, static_cast<std::uint64_t>(*number));
        return true;
      }
      break;
    case JsonType::kDouble:
      put_fixed64(field, std::bit_cast<std::uint64_t>(value.as_double()));
      return true;
    default:
      break;
  }
  return fail(expectation_of(field.type));
}

void RequestHandler::put_varint(const JsonField& field, std::uint64_t value) {
  packed() ? out_.packed_varint(value) : out_.varint(field.number, value);
}

void RequestHandler::put_fixed32(const JsonField& field, std::uint32_t value) {
  packed() ? out_.packed_fixed32(value) : out_.fixed32(field.number, value);
}

void RequestHandler::put_fixed64(const JsonField& field, std::uint64_t value) {
  packed() ? out_.packed_fixed64(value) : out_.fixed64(field.number, value);
}

bool RequestHandler::start_object(std::size_t) {
  if (!deeper()) return false;
  if (levels_.empty()) {
    levels_.push_back({.message = root_});
    return true;
  }
  const JsonField* field = nullptr;
  if (!begin_value(field)) return false;
  if (field == nullptr) {
    ++ignored_depth_;
    return true;
  }
  if (field->type != JsonType::kMessage) return fail(expectation_of(field->type));
  out_.begin(field->number);
  levels_.push_back({.message = field->message});
  return true;
}

bool RequestHandler::key(std::string& name) {
  if (ignored_depth_ == 0) levels_.back().field = find_field(levels_.back().message, name);
  return true;
}

bool RequestHandler::end_object() {
  --depth_;
  if (ignored_depth_ > 0) {
    --ignored_depth_;
    return true;
  }
  levels_.pop_back();
  if (!levels_.empty()) out_.end();
  return true;
}

bool RequestHandler::start_array(std::size_t) {
  if (!deeper()) return false;
  if (levels_.empty()) return fail("is not an object");
  const JsonField* field = levels_.back().field;
  if (ignored_depth_ > 0 || field == nullptr) {
    ++ignored_depth_;
    return true;
  }
  if (levels_.back().is_array) {
    ++levels_.back().index;
    return fail(expectation_of(field->type));
  }
  if (!field->repeated) return fail(expectation_of(field->type));
  if (field->type != JsonType::kMessage) out_.begin(field->number);
  levels_.push_back({.is_array = true, .field = field});
  return true;
}

bool RequestHandler::end_array() {
  --depth_;
  if (ignored_depth_ > 0) {
    --ignored_depth_;
    return true;
  }
  const bool is_packed = levels_.back().field->type != JsonType::kMessage;
  levels_.pop_back();
  if (is_packed) out_.end();
  return true;
}

bool RequestHandler::parse_error(std::size_t, const std::string&, const Json::exception& error) {
  problem_ = json_syntax_error(error.what());
  return false;
}

}  // namespace

Result<std::string> encode_json_request(std::string_view json, Signal signal) {
  if (json.size() > kMaxJsonBytes) return permanent("malformed OTLP JSON: more than 512 MiB");
  RequestHandler handler(signal);
  try {
    if (Json::sax_parse(json.begin(), json.end(), &handler)) return handler.finish();
  } catch (const Json::exception& error) {  // a number that is too large for a double
    return permanent(fmt::format("malformed OTLP JSON: {}", json_syntax_error(error.what())));
  }
  return permanent(fmt::format("malformed OTLP JSON: {}", handler.problem()));
}

std::string json_syntax_error(std::string_view what) {
  // "[json.exception.parse_error.101] parse error at line 1, column 2: ...; last read: '...'"
  if (const auto name_end = what.find("] "); what.starts_with('[') && name_end != what.npos) {
    what.remove_prefix(name_end + 2);
  }
  for (const std::string_view quotation : {"; last read", " parsing '"}) {
    what = what.substr(0, what.find(quotation));
  }
  return std::string(what);
}

}  // namespace kernspan::otlp
