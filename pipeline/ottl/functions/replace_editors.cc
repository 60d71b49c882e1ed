// Editors that put other text in the place of what a pattern matches.
#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "pipeline/ottl/functions/families.h"
#include "pipeline/ottl/functions/map_builder.h"
#include "pipeline/ottl/functions/patterns.h"

namespace kernspan::ottl {
namespace {

// `format` with the text in the place of its only %s.
Result<std::string> put_into_format(std::string_view format, std::string_view text) {
  const std::size_t verb = format.find('%');
  if (verb == std::string_view::npos || format.find('%', verb + 1) != std::string_view::npos ||
      !format.substr(verb).starts_with("%s")) {
    return permanent(
        "replacementFormat must be format string containing a single %s and no other format "
        "specifiers");
  }
  return fmt::format("{}{}{}", format.substr(0, verb), text, format.substr(verb + 2));
}

// The parameters `replacement`, `function` and `replacementFormat`, which these editors share.
class Replacement {
 public:
  Replacement(Arguments& arguments, std::size_t first)
      : replacement_(arguments.getter(first)),
        function_(arguments.has(first + 1) ? arguments.converter(first + 1) : nullptr),
        format_(arguments.has(first + 2) ? arguments.getter(first + 2) : nullptr) {}

  // The replacement as it is written, references to groups not yet expanded.
  Result<std::string> text(Evaluation& at) const {
    const Result<Value> value = replacement_->get(at);
    if (!value) return std::unexpected(value.error());
    return std::string(value->as_string());
  }

  bool has_function() const { return function_ != nullptr; }

  // What the function makes of it, in the format.
  Result<std::string> finish(Evaluation& at, std::string expanded) const {
    if (!function_) return expanded;
    const Result<Value> value = function_->apply(at, Value::string(std::move(expanded)));
    if (!value) return std::unexpected(value.error());
    if (!value->is(ValueType::kString)) {
      return permanent("the replacement value must be a string");
    }
    if (!format_) return std::string(value->as_string());
    const Result<Value> format = format_->get(at);
    if (!format) return std::unexpected(format.error());
    return put_into_format(format->as_string(), value->as_string());
  }

 private:
  GetterPtr replacement_;
  std::unique_ptr<const ConverterCall> function_;
  GetterPtr format_;
};

// What one statement puts into one record. Text, replacement and the number of matches may all come
// from a request: it would be the product of its parts' sizes.
class WrittenText {
 public:
  static constexpr std::size_t kMost = 16 << 20;

  Status add(std::size_t bytes) {
    bytes_ += bytes;
    if (bytes_ <= kMost) return {};
    return permanent(fmt::format("the replacements have more than {} bytes", kMost));
  }

 private:
  std::size_t bytes_ = 0;
};

// One pattern and what to put in the place of its matches, for one record.
class Replacing {
 public:
  static Result<Replacing> create(const PatternParameter& pattern, const Replacement& replacement,
                                  Evaluation& at) {
    Result<std::string> text = replacement.text(at);
    if (!text) return std::unexpected(text.error());
    auto expression = pattern.get(at);
    if (!expression) return std::unexpected(expression.error());
    return Replacing(*std::move(expression), replacement, *std::move(text), at);
  }

  // Nothing when the pattern does not match.
  Result<std::optional<std::string>> apply(std::string_view text) {
    if (!matches(*expression_, text)) return std::nullopt;
    const auto replacement = [&](std::span<const re2::StringPiece> groups) {
      Result<std::string> one =
          replacement_.finish(at_, expand(*expression_, text_, groups, WrittenText::kMost));
      if (!one) return one;
      if (Status fits = written_.add(one->size()); !fits) {
        return Result<std::string>(std::unexpected(fits.error()));
      }
      return one;
    };
    Result<std::string> replaced = replace_matches(*expression_, text, replacement);
    if (!replaced) return std::unexpected(std::move(replaced.error()));
    return *std::move(replaced);
  }

 private:
  Replacing(std::shared_ptr<const re2::RE2> expression, const Replacement& replacement,
            std::string text, Evaluation& at)
      : expression_(std::move(expression)),
        replacement_(replacement),
        text_(std::move(text)),
        at_(at) {}

  std::shared_ptr<const re2::RE2> expression_;
  const Replacement& replacement_;
  std::string text_;
  Evaluation& at_;
  WrittenText written_;
};

Result<Value> write(const Target& target, Evaluation& at, Value value) {
  if (Status set = target.set(at, std::move(value)); !set) return std::unexpected(set.error());
  return Value();
}

Result<Callable> build_replace_pattern(Arguments& arguments) {
  auto target = arguments.target(0);
  auto pattern = PatternParameter::create(arguments.getter(1));
  if (!pattern) return std::unexpected(pattern.error());
  return [target = std::move(target), pattern = *std::move(pattern),
          replacement = Replacement(arguments, 2)](Evaluation& at) -> Result<Value> {
    const Result<Value> value = target->get(at);
    if (!value || value->is_nil()) return value;
    Result<Replacing> replacing = Replacing::create(pattern, replacement, at);
    if (!replacing) return std::unexpected(replacing.error());
    if (!value->is(ValueType::kString)) return Value();
    Result<std::optional<std::string>> replaced = replacing->apply(value->as_string());
    if (!replaced) return std::unexpected(replaced.error());
    if (!*replaced) return Value();
    return write(*target, at, Value::string(**std::move(replaced)));
  };
}

Result<Value> replace_in_values(const Target& target, Replacing& replacing, Evaluation& at) {
  Result<Value> value = target.get(at);
  if (!value) return value;
  bool changed = false;
  for (std::size_t i = 0; i < value->as_map().size(); ++i) {
    const Value& present = value->as_map().entries()[i].value;
    if (!present.is(ValueType::kString)) continue;
    Result<std::optional<std::string>> replaced = replacing.apply(present.as_string());
    if (!replaced) return std::unexpected(replaced.error());
    if (!*replaced) continue;
    changed = true;
    value->mutable_map().entries()[i].value = Value::string(**std::move(replaced));
  }
  return changed ? write(target, at, *std::move(value)) : Value();
}

// Keys that become one keep the value of the last, at the place of the first.
Result<Value> replace_in_keys(const Target& target, Replacing& replacing, Evaluation& at) {
  const Result<Value> value = target.get(at);
  if (!value) return value;
  MapBuilder renamed;
  bool changed = false;
  for (const Map::Entry& entry : value->as_map().entries()) {
    Result<std::optional<std::string>> replaced = replacing.apply(entry.key.view());
    if (!replaced) return std::unexpected(replaced.error());
    changed = changed || *replaced;
    renamed.set(*replaced ? Text::owned(**std::move(replaced)) : entry.key, entry.value);
  }
  return changed ? write(target, at, Value::map(renamed.take())) : Value();
}

Result<Callable> build_replace_all_patterns(Arguments& arguments) {
  auto target = arguments.target(0);
  const std::string mode = arguments.text(1);
  auto pattern = PatternParameter::create(arguments.getter(2));
  if (!pattern) return std::unexpected(pattern.error());
  if (mode != "key" && mode != "value") {
    return permanent(fmt::format("invalid mode {}, must be either 'key' or 'value'", mode));
  }
  return [target = std::move(target), in_keys = mode == "key", pattern = *std::move(pattern),
          replacement = Replacement(arguments, 3)](Evaluation& at) -> Result<Value> {
    Result<Replacing> replacing = Replacing::create(pattern, replacement, at);
    if (!replacing) return std::unexpected(replacing.error());
    return in_keys ? replace_in_keys(*target, *replacing, at)
                   : replace_in_values(*target, *replacing, at);
  };
}

// What a whole text is replaced by when it matches.
Result<std::string> whole_replacement(const Replacement& replacement, Evaluation& at) {
  Result<std::string> text = replacement.text(at);
  if (!text) return text;
  return replacement.finish(at, *std::move(text));
}

Result<Callable> build_replace_match(Arguments& arguments) {
  auto target = arguments.target(0);
  auto glob = compile_glob(arguments.text(1));
  if (!glob) return std::unexpected(glob.error());
  return [target = std::move(target), glob = *std::move(glob),
          replacement = Replacement(arguments, 2)](Evaluation& at) -> Result<Value> {
    const Result<Value> value = target->get(at);
    if (!value || value->is_nil()) return value;
    Result<std::string> text = whole_replacement(replacement, at);
    if (!text) return std::unexpected(text.error());
    if (!value->is(ValueType::kString) || !matches(*glob, value->as_string())) return Value();
    return write(*target, at, Value::string(*std::move(text)));
  };
}

Result<Callable> build_replace_all_matches(Arguments& arguments) {
  auto target = arguments.target(0);
  auto glob = compile_glob(arguments.text(1));
  if (!glob) return std::unexpected(glob.error());
  return [target = std::move(target), glob = *std::move(glob),
          replacement = Replacement(arguments, 2)](Evaluation& at) -> Result<Value> {
    Result<Value> value = target->get(at);
    if (!value) return value;
    Result<std::string> text = whole_replacement(replacement, at);
    if (!text) return std::unexpected(text.error());
    const Value replaced = Value::string(*std::move(text));
    WrittenText written;
    bool changed = false;
    for (std::size_t i = 0; i < value->as_map().size(); ++i) {
      const Value& present = value->as_map().entries()[i].value;
      if (!present.is(ValueType::kString) || !matches(*glob, present.as_string())) continue;
      if (Status fits = written.add(replaced.as_string().size()); !fits) {
        return std::unexpected(fits.error());
      }
      changed = true;
      value->mutable_map().entries()[i].value = replaced;
    }
    return changed ? write(*target, at, *std::move(value)) : Value();
  };
}

}  // namespace

void add_replace_editors(FunctionTable& table) {
  using enum ParameterType;
  table.add({"replace_pattern",
             {{"target", kTarget},
              {"regex_pattern", kString},
              {"replacement", kString},
              {"function", kConverter, true},
              {"replacement_format", kString, true}},
             build_replace_pattern});
  table.add({"replace_all_patterns",
             {{"target", kMapTarget},
              {"mode", kTextLiteral},
              {"regex_pattern", kString},
              {"replacement", kString},
              {"function", kConverter, true},
              {"replacement_format", kString, true}},
             build_replace_all_patterns});
  table.add({"replace_match",
             {{"target", kTarget},
              {"pattern", kTextLiteral},
              {"replacement", kString},
              {"function", kConverter, true},
              {"replacement_format", kString, true}},
             build_replace_match});
  table.add({"replace_all_matches",
             {{"target", kMapTarget},
              {"pattern", kTextLiteral},
              {"replacement", kString},
              {"function", kConverter, true},
              {"replacement_format", kString, true}},
             build_replace_all_matches});
}

}  // namespace kernspan::ottl
