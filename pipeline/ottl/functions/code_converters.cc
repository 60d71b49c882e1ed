// Converters between texts, bytes and their encodings, and hashes.
#include <fmt/format.h>
#include <iconv.h>
#include <strings.h>

#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "pipeline/ottl/functions/as_string.h"
#include "pipeline/ottl/functions/builders.h"
#include "pipeline/ottl/functions/families.h"
#include "pipeline/ottl/functions/hashes.h"

namespace kernspan::ottl {
namespace {

std::optional<Base64> base64_variant(std::string_view name) {
  if (name == "base64") return Base64::kStandard;
  if (name == "base64-raw") return Base64::kStandardRaw;
  if (name == "base64-url") return Base64::kUrl;
  if (name == "base64-raw-url") return Base64::kUrlRaw;
  return std::nullopt;
}

Result<Value> string_of(Result<std::string> text) {
  if (!text) return std::unexpected(std::move(text.error()));
  return Value::string(*std::move(text));
}

Result<Callable> build_base64_encode(Arguments& arguments) {
  return [target_getter = arguments.getter(0),
          variant_getter =
              arguments.has(1) ? arguments.getter(1) : nullptr](Evaluation& at) -> Result<Value> {
    const Result<Value> target = target_getter->get(at);
    if (!target) return target;
    const Result<Value> name = value_or(variant_getter, at, Value::borrowed("base64"));
    if (!name) return name;
    const std::optional<Base64> variant = base64_variant(name->as_string());
    if (!variant) {
      return permanent(fmt::format("unsupported base64 variant: {}", name->as_string()));
    }
    return Value::string(base64_of(target->as_string(), *variant));
  };
}

class CharacterSet {
 public:
  // Null when the system does not know it.
  static std::unique_ptr<CharacterSet> open(std::string_view name) {
    // Upstream reads UTF-16 without a byte order mark as little-endian; a slash would begin one of
    // iconv's own options.
    const std::string text(name);
    const bool is_utf16 =
        strcasecmp(text.c_str(), "utf-16") == 0 || strcasecmp(text.c_str(), "utf16") == 0;
    if (text.empty() || text.find('/') != std::string::npos) return nullptr;
    const iconv_t handle = iconv_open("UTF-8", is_utf16 ? "UTF-16LE" : text.c_str());
    // NOLINTNEXTLINE(performance-no-int-to-ptr): iconv's way to say no
    if (handle == reinterpret_cast<iconv_t>(-1)) return nullptr;
    return std::unique_ptr<CharacterSet>(new CharacterSet(handle));
  }
  ~CharacterSet() { iconv_close(handle_); }
  CharacterSet(const CharacterSet&) = delete;
  CharacterSet& operator=(const CharacterSet&) = delete;

  // Bytes that mean nothing in the set become U+FFFD.
  std::string to_utf8(std::string_view bytes) {
    std::string in(bytes);
    char* from = in.data();
    std::size_t left = in.size();
    std::string out;
    while (left > 0) {
      std::array<char, 1024> buffer;
      char* to = buffer.data();
      std::size_t room = buffer.size();
      const std::size_t converted = iconv(handle_, &from, &left, &to, &room);
      const int error = errno;
      out.append(buffer.data(), buffer.size() - room);
      if (converted != static_cast<std::size_t>(-1) || error == E2BIG) continue;
      out += "\xEF\xBF\xBD";
      ++from;
      --left;
    }
    return out;
  }

 private:
  explicit CharacterSet(iconv_t handle) : handle_(handle) {}

  iconv_t handle_;
};

Result<std::string> decode(std::string_view bytes, std::string_view encoding) {
  if (const std::optional<Base64> variant = base64_variant(encoding)) {
    return bytes_of_base64(bytes, *variant);
  }
  const std::unique_ptr<CharacterSet> set = CharacterSet::open(encoding);
  if (!set) return permanent(fmt::format("no charmap defined for encoding '{}'", encoding));
  return set->to_utf8(bytes);
}

Result<Value> decode_value(const Value& target, const Value& encoding) {
  if (target.is(ValueType::kString)) {
    return string_of(decode(target.as_string(), encoding.as_string()));
  }
  if (target.is(ValueType::kBytes)) {
    return string_of(decode(target.as_bytes(), encoding.as_string()));
  }
  return permanent(fmt::format("unsupported type provided to Decode function: {}",
                               target.is_nil() ? "<nil>" : type_name(target.type())));
}

template <Digest digest>
Result<Value> digest_of(const Value& target) {
  return string_of(hex_digest(digest, target.as_string()));
}

template <auto hash>
Result<Value> hash_of(const Value& target) {
  return Value::string(hash(target.as_string()));
}

}  // namespace

void add_code_converters(FunctionTable& table) {
  using enum ParameterType;
  table.add(
      {"Base64Encode", {{"target", kString}, {"variant", kString, true}}, build_base64_encode});
  table.add(
      {"Base64Decode", {{"target", kString}}, of_one([](const Value& target) -> Result<Value> {
         return string_of(bytes_of_base64(target.as_string(), Base64::kStandard));
       })});
  table.add({"Decode", {{"target", kAny}, {"encoding", kString}}, of_two(decode_value)});
  table.add({"Hex", {{"target", kBytesLike}}, of_one([](const Value& target) -> Result<Value> {
               if (target.is_nil()) return target;
               return Value::string(hex_of(target.as_bytes()));
             })});
  table.add({"MD5", {{"target", kString}}, of_one(digest_of<Digest::kMd5>)});
  table.add({"SHA1", {{"target", kString}}, of_one(digest_of<Digest::kSha1>)});
  table.add({"SHA256", {{"target", kString}}, of_one(digest_of<Digest::kSha256>)});
  table.add({"SHA512", {{"target", kString}}, of_one(digest_of<Digest::kSha512>)});
  table.add({"FNV", {{"target", kString}}, of_one([](const Value& target) -> Result<Value> {
               return Value::integer(static_cast<std::int64_t>(fnv1a_64(target.as_string())));
             })});
  table.add({"Murmur3Hash", {{"target", kString}}, of_one(hash_of<murmur3_32_hex>)});
  table.add({"Murmur3Hash128", {{"target", kString}}, of_one(hash_of<murmur3_128_hex>)});
  table.add({"XXH3", {{"target", kString}}, of_one(hash_of<xxh3_64_hex>)});
  table.add({"XXH128", {{"target", kString}}, of_one(hash_of<xxh3_128_hex>)});
}

}  // namespace kernspan::ottl
