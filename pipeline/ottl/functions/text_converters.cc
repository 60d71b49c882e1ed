// Converters of strings to strings.
#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "pipeline/ottl/functions/builders.h"
#include "pipeline/ottl/functions/families.h"
#include "pipeline/ottl/functions/go_format.h"
#include "pipeline/ottl/functions/text_case.h"

namespace kernspan::ottl {
namespace {

// Of values as text: what is nil shows as Go prints it.
Result<Callable> build_concat(Arguments& arguments) {
  return [getters = arguments.getters(0),
          delimiter_getter = arguments.getter(1)](Evaluation& at) -> Result<Value> {
    const Result<Value> delimiter = delimiter_getter->get(at);
    if (!delimiter) return delimiter;
    std::string joined;
    bool is_first = true;
    for (const GetterPtr& getter : getters) {
      const Result<Value> value = getter->get(at);
      if (!value) return value;
      if (!is_first) joined += delimiter->as_string();
      is_first = false;
      joined += value->is_nil() ? "<nil>" : value->as_string();
    }
    return Value::string(std::move(joined));
  };
}

// The first or last character of a text that is not empty, its bytes.
std::string_view first_character(std::string_view text) {
  std::size_t size = 1;
  while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) ++size;
  return text.substr(0, size);
}
std::string_view last_character(std::string_view text) {
  std::size_t begin = text.size() - 1;
  while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
  return text.substr(begin);
}

// An empty delimiter splits into characters, as Go does.
Result<Value> split(const Value& target, const Value& delimiter) {
  std::string_view left = target.as_string();
  const std::string_view separator = delimiter.as_string();
  List parts;
  const auto add = [&](std::size_t size) {
    parts.push_back(Value::string(target.text().part(left.substr(0, size))));
  };
  if (separator.empty()) {
    while (!left.empty()) {
      const std::size_t size = first_character(left).size();
      add(size);
      left.remove_prefix(size);
    }
    return Value::list(std::move(parts));
  }
  for (std::size_t end = left.find(separator); end != std::string_view::npos;
       end = left.find(separator)) {
    add(end);
    left.remove_prefix(end + separator.size());
  }
  add(left.size());
  return Value::list(std::move(parts));
}

bool continues_character(std::string_view text, std::int64_t at) {
  return static_cast<std::size_t>(at) < text.size() &&
         (static_cast<unsigned char>(text[static_cast<std::size_t>(at)]) & 0xC0) == 0x80;
}

Result<Value> substring(const Value& target, std::int64_t start, std::int64_t length,
                        bool keeps_characters) {
  const std::string_view text = target.as_string();
  const auto size = static_cast<std::int64_t>(text.size());
  if (start < 0) {
    return permanent(
        fmt::format("invalid start for substring function, {} cannot be negative", start));
  }
  if (length <= 0) {
    return permanent(fmt::format(
        "invalid length for substring function, {} cannot be negative or zero", length));
  }
  if (start > size || length > size - start) {
    return permanent(
        fmt::format("invalid range for substring function, start({})+length({}) cannot be greater "
                    "than the length of target string({})",
                    start, length, size));
  }
  std::int64_t end = start + length;
  while (keeps_characters && continues_character(text, start)) ++start;
  while (keeps_characters && end > start && continues_character(text, end)) --end;
  if (end < start) end = start;
  return Value::string(target.text().part(
      text.substr(static_cast<std::size_t>(start), static_cast<std::size_t>(end - start))));
}

Result<Callable> build_substring(Arguments& arguments) {
  return [target_getter = arguments.getter(0), start_getter = arguments.getter(1),
          length_getter = arguments.getter(2),
          keeps_characters = arguments.boolean(3)](Evaluation& at) -> Result<Value> {
    const Result<Value> start = start_getter->get(at);
    if (!start) return start;
    const Result<Value> length = length_getter->get(at);
    if (!length) return length;
    const Result<Value> target = target_getter->get(at);
    if (!target) return target;
    return substring(*target, start->as_int(), length->as_int(), keeps_characters);
  };
}

// Removes any of the characters of `replacement` from both ends, in whatever order they come.
Result<Callable> build_trim(Arguments& arguments) {
  return [target_getter = arguments.getter(0),
          characters = arguments.text(1, " ")](Evaluation& at) -> Result<Value> {
    const Result<Value> target = target_getter->get(at);
    if (!target) return target;
    std::string_view text = target->as_string();
    const auto goes = [&](std::string_view character) {
      return characters.find(character) != std::string::npos;
    };
    while (!text.empty() && goes(first_character(text))) {
      text.remove_prefix(first_character(text).size());
    }
    while (!text.empty() && goes(last_character(text))) {
      text.remove_suffix(last_character(text).size());
    }
    return Value::string(target->text().part(text));
  };
}

Result<Value> trim_prefix(const Value& target, const Value& prefix) {
  std::string_view text = target.as_string();
  if (text.starts_with(prefix.as_string())) text.remove_prefix(prefix.as_string().size());
  return Value::string(target.text().part(text));
}

Result<Value> trim_suffix(const Value& target, const Value& suffix) {
  std::string_view text = target.as_string();
  if (text.ends_with(suffix.as_string())) text.remove_suffix(suffix.as_string().size());
  return Value::string(target.text().part(text));
}

template <auto convert>
Result<Value> convert_text(const Value& target) {
  return Value::string(convert(target.as_string()));
}

Result<Callable> build_convert_case(Arguments& arguments) {
  auto target_getter = arguments.getter(0);
  const std::string name = arguments.text(1);
  std::string (*convert)(std::string_view) = nullptr;
  if (name == "lower") convert = lower_case;
  if (name == "upper") convert = upper_case;
  if (name == "snake") convert = snake_case;
  if (name == "camel") convert = camel_case;
  if (convert == nullptr) {
    return permanent(
        fmt::format("invalid case: {}, allowed cases are: lower, upper, snake, camel", name));
  }
  return [target_getter = std::move(target_getter), convert](Evaluation& at) -> Result<Value> {
    const Result<Value> target = target_getter->get(at);
    if (!target) return target;
    return Value::string(convert(target->as_string()));
  };
}

Result<Callable> build_format(Arguments& arguments) {
  return [format_getter = arguments.getter(0),
          getters = arguments.getters(1)](Evaluation& at) -> Result<Value> {
    const Result<Value> format = format_getter->get(at);
    if (!format) return format;
    std::vector<Value> values;
    values.reserve(getters.size());
    for (const GetterPtr& getter : getters) {
      Result<Value> value = getter->get(at);
      if (!value) return value;
      values.push_back(*std::move(value));
    }
    Result<std::string> text = go_format(format->as_string(), values);
    if (!text) return std::unexpected(std::move(text.error()));
    return Value::string(*std::move(text));
  };
}

}  // namespace

void add_text_converters(FunctionTable& table) {
  using enum ParameterType;
  table.add({"Concat", {{"vals", kStringLikeList}, {"delimiter", kString}}, build_concat});
  table.add({"Split", {{"target", kString}, {"delimiter", kString}}, of_two(split)});
  table.add(
      {"Substring",
       {{"target", kString}, {"start", kInt}, {"length", kInt}, {"utf8_safe", kBoolLiteral, true}},
       build_substring});
  table.add({"Trim", {{"target", kString}, {"replacement", kTextLiteral, true}}, build_trim});
  table.add({"TrimPrefix", {{"target", kString}, {"prefix", kString}}, of_two(trim_prefix)});
  table.add({"TrimSuffix", {{"target", kString}, {"suffix", kString}}, of_two(trim_suffix)});
  table.add({"ToLowerCase", {{"target", kString}}, of_one(convert_text<lower_case>)});
  table.add({"ToUpperCase", {{"target", kString}}, of_one(convert_text<upper_case>)});
  table.add({"ToSnakeCase", {{"target", kString}}, of_one(convert_text<snake_case>)});
  table.add({"ToCamelCase", {{"target", kString}}, of_one(convert_text<camel_case>)});
  table.add({"ConvertCase", {{"target", kString}, {"to_case", kTextLiteral}}, build_convert_case});
  table.add({"HasPrefix",
             {{"target", kString}, {"prefix", kString}},
             of_two([](const Value& target, const Value& prefix) -> Result<Value> {
               return Value::boolean(target.as_string().starts_with(prefix.as_string()));
             })});
  table.add({"HasSuffix",
             {{"target", kString}, {"suffix", kString}},
             of_two([](const Value& target, const Value& suffix) -> Result<Value> {
               return Value::boolean(target.as_string().ends_with(suffix.as_string()));
             })});
  table.add({"Format", {{"format", kString}, {"vals", kAnyList}}, build_format});
}

}  // namespace kernspan::ottl
