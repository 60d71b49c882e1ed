// Converters that make or look at ids.
#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "pipeline/otlp/json_values.h"
#include "pipeline/otlp/wire_fields.h"
#include "pipeline/ottl/functions/builders.h"
#include "pipeline/ottl/functions/families.h"
#include "pipeline/ottl/functions/hashes.h"
#include "pipeline/ottl/record.h"

namespace kernspan::ottl {
namespace {

// From as many bytes, or twice as many hexadecimal digits.
template <std::size_t size>
Result<Value> id_of(const Value& value) {
  if (value.is(ValueType::kBytes)) {
    if (value.as_bytes().size() == size) return value;
    return permanent(
        fmt::format("an id of {} bytes cannot be made of {}", size, value.as_bytes().size()));
  }
  if (!value.is(ValueType::kString)) {
    return permanent(fmt::format("expected bytes or string but got {}", type_name(value.type())));
  }
  std::string bytes;
  if (value.as_string().size() != 2 * size || !otlp::append_hex_bytes(value.as_string(), bytes)) {
    return permanent(fmt::format("an id of {} bytes has {} hexadecimal digits", size, 2 * size));
  }
  return Value::bytes(std::move(bytes));
}

using UuidBytes = std::array<unsigned char, 16>;

Result<UuidBytes> random_uuid() {
  UuidBytes bytes;
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return permanent("OpenSSL has no random numbers");
  }
  return bytes;
}

// Spec: RFC 9562, section 4.
Value uuid_text(UuidBytes bytes, std::uint8_t version) {
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0F) | version << 4);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3F) | 0x80);
  const std::string hex = hex_of({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  return Value::string(fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4),
                                   hex.substr(12, 4), hex.substr(16, 4), hex.substr(20)));
}

Result<Callable> build_uuid(Arguments& /*arguments*/) {
  return [](Evaluation& /*at*/) -> Result<Value> {
    const Result<UuidBytes> bytes = random_uuid();
    if (!bytes) return std::unexpected(bytes.error());
    return uuid_text(*bytes, 4);
  };
}

// The first 48 bits are the time in milliseconds, so that later ones are greater.
Result<Callable> build_uuid_v7(Arguments& /*arguments*/) {
  return [](Evaluation& at) -> Result<Value> {
    Result<UuidBytes> bytes = random_uuid();
    if (!bytes) return std::unexpected(bytes.error());
    std::uint64_t time_ms = at.clock.wall_ns() / 1'000'000;
    for (std::size_t i = 6; i-- > 0; time_ms >>= 8) {
      (*bytes)[i] = static_cast<unsigned char>(time_ms);
    }
    return uuid_text(*bytes, 7);
  };
}

Result<Callable> build_is_root_span(Arguments& /*arguments*/) {
  return [](Evaluation& at) -> Result<Value> {
    const std::string_view parent = at.record.span().content(otlp::wire::span::kParentSpanId);
    return Value::boolean(
        std::all_of(parent.begin(), parent.end(), [](char c) { return c == '\0'; }));
  };
}

}  // namespace

void add_id_converters(FunctionTable& table) {
  using enum ParameterType;
  table.add({"TraceID", {{"bytes", kAny}}, of_one(id_of<16>)});
  table.add({"SpanID", {{"bytes", kAny}}, of_one(id_of<8>)});
  table.add({"ProfileID", {{"bytes", kAny}}, of_one(id_of<16>)});
  table.add({"UUID", {}, build_uuid});
  table.add({"UUIDv7", {}, build_uuid_v7});
  table.add({"IsRootSpan", {}, build_is_root_span, true});
}

}  // namespace kernspan::ottl
