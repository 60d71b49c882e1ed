#include "agent/process/command_line.h"

#include <algorithm>

namespace kernspan::process {

std::vector<std::string> split_nul(std::string_view bytes, std::size_t max_args) {
  while (!bytes.empty() && bytes.back() == '\0') bytes.remove_suffix(1);
  std::vector<std::string> args;
  while (!bytes.empty() && args.size() < max_args) {
    const std::size_t end = std::min(bytes.find('\0'), bytes.size());
    args.emplace_back(bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  return args;
}

std::vector<std::string_view> split_spaces(std::string_view text) {
  std::vector<std::string_view> words;
  while (true) {
    const std::size_t begin = text.find_first_not_of(' ');
    if (begin == std::string_view::npos) return words;
    text.remove_prefix(begin);
    const std::size_t end = std::min(text.find(' '), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

std::string_view base_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view directory_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {};
  return path.substr(0, std::max<std::size_t>(slash, 1));
}

std::string_view without_deleted(std::string_view path) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) path.remove_suffix(kDeleted.size());
  return path;
}

std::string_view program_key(std::string_view name) {
  const std::size_t last = name.find_last_not_of("0123456789.");
  if (last == std::string_view::npos) return name;
  std::string_view key = name.substr(0, last + 1);
  if (key.size() > 1 && key.size() < name.size() && key.back() == '-') key.remove_suffix(1);
  return key;
}

std::size_t next_operand(Args args, std::size_t from, std::span<const std::string_view> valued) {
  std::size_t i = from;
  while (i < args.size()) {
    const std::string_view arg = args[i];
    if (arg == "--") return std::min(i + 1, args.size());
    if (arg.size() < 2 || arg[0] != '-') return i;
    i += contains(valued, arg) ? 2 : 1;
  }
  return args.size();
}

std::string_view option_value(Args args, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    const bool is_short = name.size() == 2 && name[1] != '-';
    for (std::size_t i = 1; i < args.size(); ++i) {
      const std::string_view arg = args[i];
      if (!arg.starts_with(name)) continue;
      if (arg.size() == name.size()) {
        if (i + 1 < args.size()) return args[i + 1];
      } else if (arg[name.size()] == '=') {
        return arg.substr(name.size() + 1);
      } else if (is_short) {
        return arg.substr(name.size());
      }
    }
  }
  return {};
}

}  // namespace kernspan::process
