#include "pipeline/processors/resource_detection/env_detector.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "pipeline/base/percent_encoding.h"

namespace kernspan {
namespace {

constexpr std::size_t kLongest = 256;  // of a key, and of a value, as upstream

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\v\f";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// As upstream reads a value: a plus is a blank.
std::optional<std::string> decode_value(std::string_view text) {
  std::string blanks(text);
  std::ranges::replace(blanks, '+', ' ');
  return percent_decoded(blanks);
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

class EnvDetector final : public Detector {
 public:
  explicit EnvDetector(Environment environment) : environment_(std::move(environment)) {}

  Result<DetectedAttributes> detect(std::chrono::steady_clock::time_point) override {
    for (const char* name : {"OTEL_RESOURCE_ATTRIBUTES", "OTEL_RESOURCE"}) {
      const std::optional<std::string> text = environment_(name);
      if (text && !trim(*text).empty()) return parse(name, trim(*text));
    }
    return DetectedAttributes();
  }

 private:
  // All or nothing: what is not well-formed may be cut in the wrong place. The text is not quoted,
  // it came from the environment.
  static Result<DetectedAttributes> parse(const char* name, std::string_view text) {
    DetectedAttributes attributes;
    std::size_t position = 0;
    while (!text.empty()) {
      ++position;
      const std::size_t end = std::min(text.find(','), text.size());
      const std::string_view pair = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      const std::size_t equals = pair.find('=');
      const std::string_view key = trim(pair.substr(0, equals));
      if (equals == std::string_view::npos || key.empty()) {
        return permanent(fmt::format("{}: pair {} is not key=value", name, position));
      }
      const std::string_view value = trim(pair.substr(equals + 1));
      if (key.size() > kLongest || value.size() > kLongest || !is_ascii(pair)) {
        return permanent(fmt::format("{}: pair {} is longer than {} characters, or not ASCII", name,
                                     position, kLongest));
      }
      const std::optional<std::string> decoded = decode_value(value);
      if (!decoded) {
        return permanent(
            fmt::format("{}: the value of pair {} is not percent-encoded", name, position));
      }
      attributes.emplace_back(key, *decoded);
    }
    return attributes;
  }

  const Environment environment_;
};

}  // namespace

std::unique_ptr<Detector> make_env_detector(const DetectionSources& sources) {
  return std::make_unique<EnvDetector>(sources.environment);
}

}  // namespace kernspan
