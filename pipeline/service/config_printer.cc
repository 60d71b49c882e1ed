#include "pipeline/service/config_printer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace kernspan {
namespace {

constexpr const char* kMask = "***";

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

// "https://user:password@host" without the password.
std::string without_password(const std::string& text) {
  const std::size_t scheme = text.find("://");
  if (scheme == std::string::npos) return text;
  const std::size_t begin = scheme + 3;
  const std::size_t end = std::min(text.find_first_of("/?#", begin), text.size());
  const std::size_t at = text.rfind('@', end);
  const std::size_t colon = text.find(':', begin);
  if (at == std::string::npos || at < begin || colon > at) return text;
  return text.substr(0, colon + 1) + kMask + text.substr(at);
}

std::string with_doubled_dollars(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '$' ? std::string("$$") : std::string(1, c);
  return out;
}

// Text that YAML takes for itself without quotes, whatever stands around it.
bool is_plain(std::string_view text) {
  constexpr std::string_view kFirst =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_/+-.";
  if (text.empty() || !kFirst.contains(text.front()) || text.ends_with(':')) return false;
  const bool is_marker = text.starts_with("--") || text.starts_with("..") || text == "-";
  return !is_marker &&
         std::ranges::all_of(text, [&](char c) { return kFirst.contains(c) || c == ':'; });
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02X}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string key_text(const std::string& key) {
  constexpr std::size_t kLongestSimpleKey = 500;  // YAML allows 1024 characters with all escapes
  std::string text = is_plain(key) ? key : in_quotes(key);
  return text.size() > kLongestSimpleKey ? "? " + text + "\n" : text;
}

class Printer {
 public:
  explicit Printer(const std::set<std::string, std::less<>>& secret_paths)
      : secret_paths_(secret_paths) {}

  std::string print(const ConfigNode& root) {
    if (is_block(root)) {
      print_block(root, "", false, 0, false);
    } else {
      text_ = scalar_text(root, false) + '\n';
    }
    return std::move(text_);
  }

 private:
  static bool is_block(const ConfigNode& node) {
    return !node.entries().empty() || !node.items().empty();
  }

  static std::string scalar_text(const ConfigNode& node, bool is_secret) {
    if (node.is_map()) return "{}";
    if (node.is_list()) return "[]";
    if (node.is_null()) return "null";
    if (is_secret && !node.text().empty()) return in_quotes(kMask);
    const std::string text = with_doubled_dollars(without_password(node.text()));
    // What a variable holds has the type that its reader wants; in quotes it would be a string.
    const bool is_string = node.quoted() && !node.expanded();
    const ScalarType type = scalar_type(text);
    if (type == ScalarType::kNull) return is_string ? in_quotes(text) : "null";
    const bool reads_as_other = is_string && type != ScalarType::kString;
    return is_plain(text) && !reads_as_other ? text : in_quotes(text);
  }

  // The entries of a map or list, a line each. `continues`: the first one goes on in a line that has
  // begun, behind "- ".
  void print_block(const ConfigNode& node, const std::string& path, bool is_secret,
                   std::size_t indent, bool continues) {
    const auto begin = [&] {
      if (!std::exchange(continues, false)) text_.append(indent, ' ');
    };
    for (const ConfigEntry& entry : node.entries()) {
      const std::string below = path.empty() ? entry.key : path + "::" + entry.key;
      const bool hides = is_secret || secret_paths_.contains(below) || names_a_secret(entry.key);
      begin();
      text_ += key_text(entry.key);
      if (text_.ends_with('\n')) text_.append(indent, ' ');
      text_ += ':';
      print_value(entry.value, below, hides, indent);
    }
    std::size_t index = 0;
    for (const ConfigNode& item : node.items()) {
      const std::string below = fmt::format("{}[{}]", path, index++);
      begin();
      text_ += '-';
      print_item(item, below, is_secret || secret_paths_.contains(below), indent);
    }
  }

  void print_value(const ConfigNode& node, const std::string& path, bool is_secret,
                   std::size_t indent) {
    if (is_block(node)) {
      text_ += '\n';
      print_block(node, path, is_secret, indent + kIndent, false);
    } else {
      text_ += ' ' + scalar_text(node, is_secret) + '\n';
    }
  }

  void print_item(const ConfigNode& node, const std::string& path, bool is_secret,
                  std::size_t indent) {
    text_ += ' ';
    if (is_block(node)) {
      print_block(node, path, is_secret, indent + kIndent, true);
    } else {
      text_ += scalar_text(node, is_secret) + '\n';
    }
  }

  static constexpr std::size_t kIndent = 2;
  const std::set<std::string, std::less<>>& secret_paths_;
  std::string text_;
};

}  // namespace

// By name alone: what only components know comes with secret_paths, but not every configuration that
// is printed or examined has passed them.
bool names_a_secret(std::string_view key) {
  constexpr std::array<std::string_view, 12> kWords = {
      "token",   "password", "passwd",  "secret",     "authorization", "api_key",
      "api-key", "apikey",   "key_pem", "credential", "private_key",   "access_key"};
  const std::string name = lower_case(key);
  if (name.ends_with("_file") || name.ends_with("_url")) return false;
  if (name == "headers" || name == "cookie") return true;
  return std::ranges::any_of(kWords, [&](std::string_view word) { return name.contains(word); });
}

std::string print_config(const ConfigNode& root,
                         const std::set<std::string, std::less<>>& secret_paths) {
  return Printer(secret_paths).print(root);
}

}  // namespace kernspan
