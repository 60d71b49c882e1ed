#include "pipeline/component/config_expansion.h"

#include <fmt/format.h>

#include <optional>

namespace kernspan {
namespace {

constexpr int kDeepestNesting = 8;  // of defaults within defaults

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
      text.remove_prefix(used);
    }
    return out;
  }

 private:
  // The value of what stands between the braces.
  Result<std::string> resolve(std::string_view reference, int depth) {
    std::string_view name = reference;
    const bool has_scheme = name.starts_with("env:");
    if (has_scheme) name.remove_prefix(4);
    std::optional<std::string_view> fallback;
    if (const std::size_t dash = name.find(":-"); dash != std::string_view::npos) {
      fallback = name.substr(dash + 2);
      name = name.substr(0, dash);
      if (!has_scheme) {
        warnings_.add(position_, fmt::format("\"${{{0}}}\" is read as \"${{env:{0}}}\"; the "
                                             "collector takes a default only in that form",
                                             reference));
      }
    }
    if (const std::size_t colon = name.find(':'); colon != std::string_view::npos) {
      return permanent(
          fmt::format("\"${{{}}}\": the provider \"{}\" is not supported; only "
                      "${{env:NAME}} is",
                      reference, name.substr(0, colon)));
    }
    if (!is_variable_name(name)) {
      return permanent(
          fmt::format("\"${{{}}}\": \"{}\" is not the name of an environment variable; "
                      "use letters, digits and _, or $$ for a dollar sign",
                      reference, name));
    }
    if (std::optional<std::string> value = environment_(name)) return *std::move(value);
    if (fallback) return expand(*fallback, depth + 1);
    warnings_.add(position_,
                  fmt::format("the environment variable {0} is not set and counts as empty; "
                              "set it, or give a default: ${{env:{0}:-default}}",
                              name));
    return std::string();
  }

  const Environment& environment_;
  const ConfigPosition& position_;
  ConfigWarnings& warnings_;
};

}  // namespace

Result<Expansion> expand_environment(std::string_view text, const Environment& environment,
                                     const ConfigPosition& position, ConfigWarnings& warnings) {
  Result<std::string> expanded = Expander(environment, position, warnings).expand(text, 0);
  if (!expanded) return std::unexpected(expanded.error());
  const bool is_one_reference =
      text.starts_with("${") && find_closing_brace(text) == text.size() - 1;
  return Expansion{*std::move(expanded), is_one_reference};
}

}  // namespace kernspan
