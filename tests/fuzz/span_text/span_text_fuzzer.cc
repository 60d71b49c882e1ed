// What spans show of texts from the wire: redaction, templates, field lines. Input: which patterns
// and templates there are (a byte each), then the text.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/conn/header_capture.h"
#include "agent/protocol/http1/field_lines.h"
#include "agent/span/path_template.h"
#include "agent/span/redaction.h"
#include "agent/span/template_bounds.h"
#include "tests/fuzz/input.h"

namespace kernspan {
namespace {

void check(bool holds) {
  if (!holds) __builtin_trap();
}

constexpr std::string_view kMark = "s3cret";

std::vector<std::string> chosen(std::uint8_t bits, const std::array<const char*, 6>& from) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (bits >> i & 1) texts.emplace_back(from[i]);
  }
  return texts;
}

void check_redaction(std::uint8_t bits, std::string_view text) {
  std::vector<std::string> patterns =
      chosen(bits, {"[0-9]+", "x*", "(a)(b)?", "/([^/]*)$", "((c)d)e", ".$"});
  patterns.emplace_back(kMark);
  const auto redaction = Redaction::create({.patterns = patterns, .query_keys = {"token"}});
  check(redaction.has_value());
  std::string storage;
  const std::string_view shown = (*redaction)->redacted(text, storage);
  check(shown.find(kMark) == std::string_view::npos);
  const std::size_t growth = Redaction::kReplacementsMax * Redaction::kReplacement.size();
  check(shown.size() <= text.size() + (patterns.size() + 1) * growth);
  std::string query_storage;
  const std::string_view query = (*redaction)->redacted_query(text, query_storage);
  check(query.find(kMark) == std::string_view::npos);
}

void check_sensitive_query(std::string_view text) {
  // Whatever stands around it, a parameter of its own is found.
  std::string query(text);
  std::erase(query, '&');
  query += "&sig=";
  query += kMark;
  std::string storage;
  const std::string_view shown = Redaction::standard()->redacted_query(query, storage);
  check(shown.ends_with("&sig=REDACTED"));
}

void check_templates(std::uint8_t bits, std::string_view path) {
  const auto templates = PathTemplates::create(
      chosen(bits, {"/users/{id}", "/static/*", "/a/{b}/c/{d}", "/", "/{x}", "/a/"}));
  check(templates.has_value());
  const std::string_view found = templates->find(path);
  if (!found.empty()) {
    check(path.starts_with('/'));
    check(found.ends_with('*') ||
          std::count(found.begin(), found.end(), '/') == std::count(path.begin(), path.end(), '/'));
  }
  std::string out;
  const std::string guess(guess_template(path, out));
  check(guess.size() <= kTemplateBytesMax);
  check(guess.empty() == !path.starts_with('/'));
  check(std::all_of(guess.begin(), guess.end(), [](char c) { return c > ' ' && c < 0x7f; }));
}

void check_fields(std::string_view lines) {
  const HeaderNames names({"x-a", "content-type"});
  HeaderBudget budget;
  {
    CapturedHeaders captured(budget);
    std::size_t count = 0;
    for (http1::FieldLine field; http1::take_field_line(lines, field); ++count) {
      if (const std::string* name = names.find(field.name)) captured.add(false, *name, field.value);
    }
    check(captured.fields().size() <= std::min(count, CapturedHeaders::kValuesMax));
  }
  check(budget.bytes == 0);
}

}  // namespace
}  // namespace kernspan

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kernspan;
  FuzzInput input({reinterpret_cast<const char*>(data), size});
  const std::uint8_t patterns = input.take_byte();
  const std::uint8_t templates = input.take_byte();
  const std::string text(input.take(size));
  check_redaction(patterns, text);
  check_sensitive_query(text);
  check_templates(templates, text);
  check_fields(text);
  return 0;
}
