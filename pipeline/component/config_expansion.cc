#include "pipeline/component/config_expansion.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "pipeline/component/config_file.h"

namespace kernspan {
namespace {

constexpr int kDeepestNesting = 8;  // of references within references
// A short value may name a long variable many times.
constexpr std::size_t kMostExpandedBytes = 16u << 20;

bool is_variable_name(std::string_view name) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
  constexpr std::string_view kAll =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
  return !name.empty() && kLetters.contains(name.front()) &&
         name.find_first_not_of(kAll) == std::string_view::npos;
}

// The offset of the brace that closes the reference that `text` starts with.
std::optional<std::size_t> find_closing_brace(std::string_view text) {
  int open = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("${")) ++open;
    if (text[i] == '}' && --open == 0) return i;
  }
  return std::nullopt;
}

class Expander {
 public:
  Expander(const Environment& environment, const ConfigPosition& position, ConfigWarnings& warnings)
      : environment_(environment), position_(position), warnings_(warnings) {}

  Result<std::string> expand(std::string_view text, int depth) {
    if (depth > kDeepestNesting) {
      return permanent(fmt::format("references are nested more than {} deep", kDeepestNesting));
    }
    std::string out;
    while (!text.empty()) {
      const std::size_t plain = std::min(text.find('$'), text.size());
      out += text.substr(0, plain);
      text.remove_prefix(plain);
      std::size_t used = std::min<std::size_t>(1, text.size());
      if (text.starts_with("$$")) {
        out += '$';
        used = 2;
      } else if (text.starts_with("${")) {
        const std::optional<std::size_t> end = find_closing_brace(text);
        if (!end) {
          warnings_.add(position_,
                        "\"${\" has no closing brace and is taken literally; write $${ if "
                        "that is what you mean");
          out += text;
          break;
        }
        Result<std::string> value = resolve(text.substr(2, *end - 2), depth);
        if (!value) return value;
        out += *value;
        used = *end + 1;
      } else {
        out += text.substr(0, used);
      }
      if (out.size() > kMostExpandedBytes) {
        return permanent(fmt::format("the value is larger than {} bytes", kMostExpandedBytes));
      }
      text.remove_prefix(used);
    }
    return out;
  }

  // The file that the only reference of the value names.
  const std::string& file() const { return file_; }

 private:
  // The value of what stands between the braces.
  Result<std::string> resolve(std::string_view reference, int depth) {
    const std::size_t colon = reference.find(':');
    const bool has_default_only =
        reference.substr(std::min(colon, reference.size())).starts_with(":-");
    if (colon == std::string_view::npos || has_default_only) {
      return resolve_variable(reference, reference, depth);
    }
    const std::string_view provider = reference.substr(0, colon);
    const std::string_view rest = reference.substr(colon + 1);
    if (provider == "env") return resolve_variable(reference, rest, depth);
    if (provider == "yaml") return std::string(rest);
    if (provider == "file") return resolve_file(rest, depth);
    return permanent(
        fmt::format("\"${{{}}}\": the provider \"{}\" is not supported; there are ${{env:NAME}}, "
                    "${{file:PATH}} and ${{yaml:TEXT}}{}",
                    reference, provider,
                    provider.starts_with("http") ? "; fetch the file before the start" : ""));
  }

  Result<std::string> resolve_variable(std::string_view reference, std::string_view name,
                                       int depth) {
    std::optional<std::string_view> fallback;
    if (const std::size_t dash = name.find(":-"); dash != std::string_view::npos) {
      fallback = name.substr(dash + 2);
      name = name.substr(0, dash);
    }
    if (!is_variable_name(name)) {
      return permanent(
          fmt::format("\"${{{}}}\": \"{}\" is not the name of an environment variable; "
                      "use letters, digits and _, or $$ for a dollar sign",
                      reference, name));
    }
    if (fallback && !reference.starts_with("env:")) {
      warnings_.deviations.push_back(
          {"default_without_env", position_,
           fmt::format("\"${{{}}}\" has a default and no \"env:\"", reference), "read as if it had",
           fmt::format("write ${{env:{}}}", reference)});
    }
    if (std::optional<std::string> value = environment_(name)) return *std::move(value);
    if (fallback) return expand(*fallback, depth + 1);
    warnings_.add(position_,
                  fmt::format("the environment variable {0} is not set and counts as empty; "
                              "set it, or give a default: ${{env:{0}:-default}}",
                              name));
    return std::string();
  }

  // The path may hold references of its own: ${file:${env:HOME}/token}.
  Result<std::string> resolve_file(std::string_view written, int depth) {
    const Result<std::string> path = expand(written, depth + 1);
    if (!path) return path;
    Result<std::string> text = read_included_file(*path);
    if (!text) return text;
    file_ = *path;
    if (text->ends_with('\n')) text->pop_back();
    if (text->ends_with('\r')) text->pop_back();
    return text;
  }

  const Environment& environment_;
  const ConfigPosition& position_;
  ConfigWarnings& warnings_;
  std::string file_;
};

}  // namespace

Result<Expansion> expand_references(std::string_view text, const Environment& environment,
                                    const ConfigPosition& position, ConfigWarnings& warnings) {
  Expander expander(environment, position, warnings);
  Result<std::string> expanded = expander.expand(text, 0);
  if (!expanded) return std::unexpected(expanded.error());
  const bool is_one_reference =
      text.starts_with("${") && find_closing_brace(text) == text.size() - 1;
  const bool is_file = is_one_reference && text.starts_with("${file:");
  return Expansion{*std::move(expanded), is_one_reference, is_file ? expander.file() : ""};
}

}  // namespace kernspan
