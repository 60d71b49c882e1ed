#include "pipeline/ottl/functions/patterns.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

namespace kernspan::ottl {
namespace {

re2::StringPiece piece(std::string_view text) {
  return {text.data(), text.size()};
}
std::string_view view(const re2::StringPiece& piece) {
  return {piece.data(), piece.size()};
}

Result<std::shared_ptr<const re2::RE2>> compile(std::string_view pattern,
                                                const re2::RE2::Options& options) {
  auto compiled = std::make_shared<const re2::RE2>(piece(pattern), options);
  if (!compiled->ok()) return permanent(fmt::format("error parsing regexp: {}", compiled->error()));
  return compiled;
}

bool is_name_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

struct Reference {
  std::string_view name;
  std::size_t size = 0;  // of all that stands for it, behind the dollar sign
};

// Nothing when what is behind the dollar sign names no group.
std::optional<Reference> read_reference(std::string_view text) {
  const bool in_braces = text.starts_with('{');
  const std::size_t begin = in_braces ? 1 : 0;
  std::size_t end = begin;
  while (end < text.size() && is_name_character(text[end])) ++end;
  if (end == begin) return std::nullopt;
  const std::string_view name = text.substr(begin, end - begin);
  if (!in_braces) return Reference{name, end};
  if (end == text.size() || text[end] != '}') return std::nullopt;
  return Reference{name, end + 1};
}

std::string_view group_of(const re2::RE2& pattern, std::string_view name,
                          std::span<const re2::StringPiece> groups) {
  std::size_t number = groups.size();
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) {
    const auto& named = pattern.NamedCapturingGroups();
    const auto found = named.find(std::string(name));
    number = found == named.end() ? groups.size() : static_cast<std::size_t>(found->second);
  }
  return number < groups.size() ? view(groups[number]) : std::string_view();
}

// How many bytes the character at the front has; 1 for what is not UTF-8.
std::size_t character_size(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t size = first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  return std::min(size, text.size());
}

// Writes a glob as a regular expression.
class GlobTranslation {
 public:
  explicit GlobTranslation(std::string_view glob) : glob_(glob) {}

  Result<std::string> run() {
    for (; at_ < glob_.size(); ++at_) {
      if (Status translated = translate(glob_[at_]); !translated) {
        return std::unexpected(translated.error());
      }
    }
    if (alternatives_ != 0) return permanent("'{' without '}'");
    return std::move(pattern_);
  }

 private:
  Status translate(char c) {
    switch (c) {
      case '*':
        pattern_ += ".*";
        break;
      case '?':
        pattern_ += '.';
        break;
      case '[':
        return character_class();
      case '{':
        ++alternatives_;
        pattern_ += "(?:";
        break;
      case '}':
        if (alternatives_ == 0) return permanent("'}' without '{'");
        --alternatives_;
        pattern_ += ')';
        break;
      case ',':
        pattern_ += alternatives_ != 0 ? '|' : ',';
        break;
      case '\\':
        if (++at_ == glob_.size()) return permanent("a backslash at the end");
        [[fallthrough]];
      default:
        pattern_ += re2::RE2::QuoteMeta(piece(glob_.substr(at_, 1)));
    }
    return {};
  }

  Status character_class() {
    const std::size_t end = glob_.find(']', at_ + 2);
    if (end == std::string_view::npos) return permanent("'[' without ']'");
    std::string_view members = glob_.substr(at_ + 1, end - at_ - 1);
    pattern_ += '[';
    if (members.starts_with('!')) {
      pattern_ += '^';
      members.remove_prefix(1);
    }
    for (const char c : members) {
      if (c == '[' || c == '\\' || c == '^') pattern_ += '\\';
      pattern_ += c;
    }
    pattern_ += ']';
    at_ = end;
    return {};
  }

  std::string_view glob_;
  std::size_t at_ = 0;
  int alternatives_ = 0;
  std::string pattern_;
};

}  // namespace

Result<std::shared_ptr<const re2::RE2>> compile_pattern(std::string_view pattern) {
  return compile(pattern, re2::RE2::Options(re2::RE2::Quiet));
}

Result<std::shared_ptr<const re2::RE2>> compile_glob(std::string_view glob) {
  const Result<std::string> pattern = GlobTranslation(glob).run();
  if (!pattern) {
    return permanent(
        fmt::format("\"{}\" is not a valid pattern: {}", glob, pattern.error().message));
  }
  re2::RE2::Options options(re2::RE2::Quiet);
  options.set_dot_nl(true);
  return compile("\\A(?:" + *pattern + ")\\z", options);
}

bool matches(const re2::RE2& pattern, std::string_view text) {
  return re2::RE2::PartialMatch(piece(text), pattern);
}

Result<PatternParameter> PatternParameter::create(GetterPtr getter) {
  PatternParameter parameter;
  const Value* const literal = getter->literal();
  if (literal == nullptr || !literal->is(ValueType::kString)) {
    parameter.getter_ = std::move(getter);
    return parameter;
  }
  auto compiled = compile_pattern(literal->as_string());
  if (!compiled) return std::unexpected(std::move(compiled.error()));
  parameter.literal_ = *std::move(compiled);
  return parameter;
}

Result<std::shared_ptr<const re2::RE2>> PatternParameter::get(Evaluation& at) const {
  if (literal_) return literal_;
  const Result<Value> pattern = getter_->get(at);
  if (!pattern) return std::unexpected(pattern.error());
  return compile_pattern(pattern->as_string());
}

std::string expand(const re2::RE2& pattern, std::string_view replacement,
                   std::span<const re2::StringPiece> groups, std::size_t enough) {
  std::string out;
  while (true) {
    const std::size_t dollar = replacement.find('$');
    out += replacement.substr(0, dollar);
    if (dollar == std::string_view::npos || out.size() > enough) return out;
    replacement.remove_prefix(dollar + 1);
    if (replacement.starts_with('$')) {
      out += '$';
      replacement.remove_prefix(1);
    } else if (const std::optional<Reference> reference = read_reference(replacement)) {
      out += group_of(pattern, reference->name, groups);
      replacement.remove_prefix(reference->size);
    } else {
      out += '$';
    }
  }
}

Result<std::string> replace_matches(const re2::RE2& pattern, std::string_view text,
                                    const Replacer& replacer) {
  const int group_count = pattern.NumberOfCapturingGroups() + 1;
  std::vector<re2::StringPiece> groups(static_cast<std::size_t>(group_count));
  std::string out;
  std::size_t copied = 0;
  for (std::size_t at = 0; at <= text.size();) {
    if (!pattern.Match(piece(text), at, text.size(), re2::RE2::UNANCHORED, groups.data(),
                       group_count)) {
      break;
    }
    const auto begin = static_cast<std::size_t>(groups[0].data() - text.data());
    const std::size_t end = begin + groups[0].size();
    out += text.substr(copied, begin - copied);
    if (end > copied || begin == 0) {
      const Result<std::string> replaced = replacer(groups);
      if (!replaced) return replaced;
      out += *replaced;
    }
    copied = end;
    const std::size_t next = at < text.size() ? at + character_size(text.substr(at)) : at + 1;
    at = std::max(next, end);
  }
  out += text.substr(std::min(copied, text.size()));
  return out;
}

}  // namespace kernspan::ottl
