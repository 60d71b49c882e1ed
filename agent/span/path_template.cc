#include "agent/span/path_template.h"

#include <fmt/format.h>

#include <algorithm>

namespace kernspan {
namespace {

// Takes the next segment off "/a/b"; false at the end.
bool take_segment(std::string_view& rest, std::string_view& segment) {
  if (!rest.starts_with('/')) return false;
  rest.remove_prefix(1);
  const std::size_t end = std::min(rest.find('/'), rest.size());
  segment = rest.substr(0, end);
  rest.remove_prefix(end);
  return true;
}

bool is_placeholder(std::string_view segment) {
  return segment.size() > 2 && segment.starts_with('{') && segment.ends_with('}');
}

}  // namespace

Result<PathTemplates> PathTemplates::create(const std::vector<std::string>& texts) {
  if (texts.size() > kTemplatesMax) {
    return permanent(fmt::format("{} templates; at most {} are tried for every request",
                                 texts.size(), kTemplatesMax));
  }
  PathTemplates templates;
  for (const std::string& text : texts) {
    Result<Template> parsed = parse(text);
    if (!parsed) return std::unexpected(parsed.error());
    templates.templates_.push_back(*std::move(parsed));
  }
  return templates;
}

Result<PathTemplates::Template> PathTemplates::parse(const std::string& text) {
  const auto refuse = [&](std::string_view why) {
    return permanent(fmt::format("\"{}\": {}", text, why));
  };
  if (!text.starts_with('/')) return refuse("a path template begins with '/'");
  Template parsed{.text = text, .segments = {}, .is_open = false};
  std::string_view rest = text;
  for (std::string_view segment; take_segment(rest, segment);) {
    if (segment == "*" && rest.empty()) {
      parsed.is_open = true;
    } else if (is_placeholder(segment)) {
      parsed.segments.emplace_back();
    } else if (segment.find_first_of("{}*?#") != std::string_view::npos) {
      return refuse("a segment is text, {name}, or, as the last one, *");
    } else if (segment.empty() && !rest.empty()) {
      return refuse("a segment in the middle is empty");
    } else {
      // An empty last one is a slash at the end, which counts; '/' is in no segment and marks it.
      parsed.segments.emplace_back(segment.empty() ? "/" : segment);
    }
  }
  if (parsed.segments.size() > kSegmentsMax) return refuse("has too many segments");
  return parsed;
}

bool PathTemplates::fits(const Template& candidate, std::string_view path) {
  std::string_view segment;
  for (const std::string& expected : candidate.segments) {
    if (!take_segment(path, segment)) return false;
    if (expected.empty() ? segment.empty() : segment != (expected == "/" ? "" : expected)) {
      return false;
    }
  }
  return candidate.is_open ? path.starts_with('/') : path.empty();
}

std::string_view PathTemplates::find(std::string_view path) const {
  const auto found = std::ranges::find_if(
      templates_, [&](const Template& candidate) { return fits(candidate, path); });
  return found == templates_.end() ? std::string_view() : found->text;
}

}  // namespace kernspan
