// Random OTLP messages of protobuf's generated classes, and their OTLP JSON, by reflection: whatever
// fields the .proto files have, they are all there.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "pipeline/otlp/json_text.h"

namespace kernspan::otlp {

class RandomMessage {
 public:
  explicit RandomMessage(std::uint32_t seed) : random_(seed) {}

  void fill(google::protobuf::Message& message, int depth = 0) {
    const auto* reflection = message.GetReflection();
    const auto* descriptor = message.GetDescriptor();
    for (int i = 0; i < descriptor->field_count(); ++i) {
      const auto* field = descriptor->field(i);
      if (field->containing_oneof() != nullptr && field->containing_oneof()->field_count() > 1 &&
          reflection->HasOneof(message, field->containing_oneof())) {
        continue;
      }
      // Values hold values: near the bottom there are few.
      if (below(depth > 6 ? depth : 3) != 0 && depth > 1) continue;
      const std::uint32_t count = field->is_repeated() ? 1 + below(3) : 1;
      for (std::uint32_t n = 0; n < count; ++n) set(message, *reflection, *field, depth);
    }
  }

 private:
  using Field = google::protobuf::FieldDescriptor;

  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }
  std::uint64_t number() {
    constexpr std::uint64_t kEdges[] = {0, 1, ~0ULL, 1ULL << 63, (1ULL << 63) - 1, 1ULL << 53, 127};
    return below(2) == 0 ? kEdges[below(std::size(kEdges))]
                         : std::uint64_t{random_()} << 32 | random_();
  }
  double real() {
    constexpr double kEdges[] = {0,
                                 -0.0,
                                 1e300,
                                 -1.5,
                                 0.1,
                                 std::numeric_limits<double>::infinity(),
                                 -std::numeric_limits<double>::infinity()};
    return kEdges[below(std::size(kEdges))];
  }
  std::string bytes(std::size_t size) {
    std::string text(size, '\0');
    for (char& c : text) c = static_cast<char>(random_());
    return text;
  }
  std::string text() {
    constexpr const char* kTexts[] = {
        "",   "a", "service.name", "\"quoted\"\\\n\t", "gr\xC3\xBC\xC3\x9F", "\xF0\x9F\x98\x80",
        "nul"};
    return kTexts[below(std::size(kTexts))];
  }

  void set(google::protobuf::Message& message, const google::protobuf::Reflection& reflection,
           const Field& field, int depth) {
    const bool many = field.is_repeated();
    switch (field.cpp_type()) {
      case Field::CPPTYPE_MESSAGE:
        return fill(many ? *reflection.AddMessage(&message, &field)
                         : *reflection.MutableMessage(&message, &field),
                    depth + 1);
      case Field::CPPTYPE_STRING: {
        std::string value = text();
        if (field.type() == Field::TYPE_BYTES) {
          const bool is_id = field.name().ends_with("_id");
          value = bytes(!is_id ? below(7) : field.name() == "trace_id" ? 16 : 8);
        }
        return reflection.SetString(&message, &field, value);
      }
      case Field::CPPTYPE_UINT64:
        return many ? reflection.AddUInt64(&message, &field, number())
                    : reflection.SetUInt64(&message, &field, number());
      case Field::CPPTYPE_DOUBLE:
        return many ? reflection.AddDouble(&message, &field, real())
                    : reflection.SetDouble(&message, &field, real());
      case Field::CPPTYPE_INT64:
        return reflection.SetInt64(&message, &field, static_cast<std::int64_t>(number()));
      case Field::CPPTYPE_INT32:
        return reflection.SetInt32(&message, &field, static_cast<std::int32_t>(number()));
      case Field::CPPTYPE_UINT32:
        return reflection.SetUInt32(&message, &field, static_cast<std::uint32_t>(number()));
      case Field::CPPTYPE_BOOL:
        return reflection.SetBool(&message, &field, below(2) == 0);
      case Field::CPPTYPE_ENUM:
        return reflection.SetEnumValue(&message, &field, static_cast<int>(below(3)));
      default:
        throw std::logic_error("no OTLP message has a field of this type: " + field.full_name());
    }
  }

  std::mt19937 random_;
};

// As an SDK would write it. Fields that are not set are left out.
inline nlohmann::json otlp_json(const google::protobuf::Message& message);

inline nlohmann::json otlp_json(const google::protobuf::Message& message,
                                const google::protobuf::FieldDescriptor& field, int index) {
  using Field = google::protobuf::FieldDescriptor;
  const auto& reflection = *message.GetReflection();
  const auto get = [&](auto repeated, auto single) {
    return index >= 0 ? (reflection.*repeated)(message, &field, index)
                      : (reflection.*single)(message, &field);
  };
  using R = google::protobuf::Reflection;
  switch (field.cpp_type()) {
    case Field::CPPTYPE_MESSAGE:
      return otlp_json(index >= 0 ? reflection.GetRepeatedMessage(message, &field, index)
                                  : reflection.GetMessage(message, &field));
    case Field::CPPTYPE_STRING: {
      const std::string value = reflection.GetString(message, &field);
      if (field.type() != Field::TYPE_BYTES) return value;
      std::string text;
      bool first = true;
      JsonText json(text);
      if (field.name().ends_with("_id")) {
        json.hex(first, "x", value);
        return nlohmann::json::parse("{" + text + "}")["x"];
      }
      json.base64(value);
      return nlohmann::json::parse(text);
    }
    case Field::CPPTYPE_DOUBLE: {
      const double value = get(&R::GetRepeatedDouble, &R::GetDouble);
      if (value == std::numeric_limits<double>::infinity()) return "Infinity";
      if (value == -std::numeric_limits<double>::infinity()) return "-Infinity";
      return value;
    }
    case Field::CPPTYPE_UINT64:
      return std::to_string(get(&R::GetRepeatedUInt64, &R::GetUInt64));
    case Field::CPPTYPE_INT64:
      return std::to_string(reflection.GetInt64(message, &field));
    case Field::CPPTYPE_INT32:
      return reflection.GetInt32(message, &field);
    case Field::CPPTYPE_UINT32:
      return reflection.GetUInt32(message, &field);
    case Field::CPPTYPE_BOOL:
      return reflection.GetBool(message, &field);
    case Field::CPPTYPE_ENUM:
      return reflection.GetEnumValue(message, &field);
    default:
      throw std::logic_error("no OTLP message has a field of this type: " + field.full_name());
  }
}

inline nlohmann::json otlp_json(const google::protobuf::Message& message) {
  const auto& reflection = *message.GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  nlohmann::json json = nlohmann::json::object();
  for (const auto* field : fields) {
    if (!field->is_repeated()) {
      json[field->json_name()] = otlp_json(message, *field, -1);
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      json[field->json_name()].push_back(otlp_json(message, *field, i));
    }
  }
  return json;
}

}  // namespace kernspan::otlp
