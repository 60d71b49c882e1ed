#include "pipeline/service/config_printer.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <string_view>

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

class Printer {
 public:
  explicit Printer(const std::set<std::string, std::less<>>& secret_paths)
      : secret_paths_(secret_paths) {}

  void print(const ConfigNode& node, const std::string& path, bool is_secret) {
    switch (node.kind()) {
      case ConfigNode::Kind::kNull:
        out_ << YAML::Null;
        return;
      case ConfigNode::Kind::kScalar:
        return print_scalar(node, is_secret);
      case ConfigNode::Kind::kList:
        return print_list(node, path, is_secret);
      case ConfigNode::Kind::kMap:
        return print_map(node, path, is_secret);
    }
  }

  std::string text() const { return std::string(out_.c_str()) + '\n'; }

 private:
  void print_scalar(const ConfigNode& node, bool is_secret) {
    if (is_secret && !node.text().empty()) {
      out_ << YAML::DoubleQuoted << kMask;
      return;
    }
    const std::string text = with_doubled_dollars(without_password(node.text()));
    // What a variable holds has the type that its reader wants; in quotes it would be a string.
    const bool reads_as_other =
        node.quoted() && !node.expanded() && scalar_type(text) != ScalarType::kString;
    if (text.empty() && (node.expanded() || !node.quoted())) {
      out_ << YAML::Null;
    } else if (reads_as_other || text.find_first_of("\n\t\r") != std::string::npos) {
      out_ << YAML::DoubleQuoted << text;
    } else {
      out_ << text;
    }
  }

  void print_list(const ConfigNode& node, const std::string& path, bool is_secret) {
    out_ << (node.items().empty() ? YAML::Flow : YAML::Block) << YAML::BeginSeq;
    std::size_t index = 0;
    for (const ConfigNode& item : node.items()) {
      const std::string below = path + '[' + std::to_string(index++) + ']';
      print(item, below, is_secret || secret_paths_.contains(below));
    }
    out_ << YAML::EndSeq;
  }

  void print_map(const ConfigNode& node, const std::string& path, bool is_secret) {
    out_ << (node.entries().empty() ? YAML::Flow : YAML::Block) << YAML::BeginMap;
    for (const ConfigEntry& entry : node.entries()) {
      const std::string below = path.empty() ? entry.key : path + "::" + entry.key;
      out_ << YAML::Key << entry.key << YAML::Value;
      print(entry.value, below,
            is_secret || secret_paths_.contains(below) || names_a_secret(entry.key));
    }
    out_ << YAML::EndMap;
  }

  const std::set<std::string, std::less<>>& secret_paths_;
  YAML::Emitter out_;
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
  Printer printer(secret_paths);
  printer.print(root, "", false);
  return printer.text();
}

}  // namespace kernspan
