#include "tests/unit/agent/protocol/http1/markdown_cases.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string_view>

namespace kernspan::http1 {
namespace {

constexpr std::string_view kFence = "```";

std::vector<std::string> read_lines(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

void load_file(const std::filesystem::path& path, const std::string& label,
               std::vector<MarkdownCase>& cases) {
  MarkdownCase current;
  std::string* block = nullptr;
  bool in_log = false;
  for (const std::string& line : read_lines(path)) {
    if (line.starts_with(kFence)) {
      if (block != nullptr) {
        if (!block->empty()) block->pop_back();
        block = nullptr;
      } else if (in_log) {
        in_log = false;
        cases.push_back(current);
      } else if (line == "```http") {
        current.input.clear();
        block = &current.input;
      } else if (line == "```log") {
        current.log.clear();
        in_log = true;
      }
    } else if (block != nullptr) {
      block->append(line).append("\n");
    } else if (in_log) {
      if (!line.empty()) current.log.push_back(line);
    } else if (line.starts_with('#')) {
      current = {};
      current.name =
          label + " / " + line.substr(std::min(line.find_first_not_of("# "), line.size()));
    } else if (line.starts_with("<!-- meta=")) {
      current.meta = line;
    }
  }
}

}  // namespace

std::string MarkdownCase::meta_value(std::string_view key) const {
  const std::size_t at = meta.find("\"" + std::string(key) + "\"");
  if (at == std::string::npos) return {};
  const std::size_t open = meta.find('"', meta.find(':', at));
  if (open == std::string::npos) return {};
  return meta.substr(open + 1, meta.find('"', open + 1) - open - 1);
}

std::vector<MarkdownCase> load_markdown_cases(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".md") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<MarkdownCase> cases;
  for (const auto& path : paths) {
    load_file(path, std::filesystem::relative(path, folder).string(), cases);
  }
  return cases;
}

std::string unescape(std::string_view block) {
  std::string bytes;
  for (std::size_t i = 0; i < block.size(); ++i) {
    const char next = i + 1 < block.size() ? block[i + 1] : '\0';
    if (block[i] == '\n') {
      bytes += "\r\n";
    } else if (block[i] != '\\') {
      bytes += block[i];
    } else if (next == '\n') {
      ++i;
    } else if (next == 'x' && i + 3 < block.size()) {
      const std::string digits(block.substr(i + 2, 2));
      bytes += static_cast<char>(std::strtol(digits.c_str(), nullptr, 16));
      i += 3;
    } else if (const std::size_t at = std::string_view("rntf").find(next);
               next != '\0' && at != std::string_view::npos) {
      bytes += "\r\n\t\f"[at];
      ++i;
    } else {
      bytes += '\\';
    }
  }
  return bytes;
}

}  // namespace kernspan::http1
