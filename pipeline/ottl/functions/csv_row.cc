// Spec: RFC 4180; what it leaves open is as Go's encoding/csv has it.
#include "pipeline/ottl/functions/csv_row.h"

#include <utility>

namespace kernspan::ottl {
namespace {

class CsvReader {
 public:
  CsvReader(std::string_view text, std::string_view delimiter, bool lazy_quotes)
      : left_(text), delimiter_(delimiter), lazy_quotes_(lazy_quotes) {}

  // Lines without anything are none.
  bool skip_to_line() {
    while (left_.starts_with('\n') || left_.starts_with("\r\n")) take_line();
    return !left_.empty();
  }

  // The fields of the next line; of several lines when a quoted field goes over their ends.
  std::vector<std::string> next_line() {
    line_ = take_line();
    std::vector<std::string> fields;
    while (true) {
      std::string field;
      const Outcome outcome = line_.starts_with('"') ? read_quoted(field) : read_plain(field);
      if (outcome == Outcome::kBadQuote) return fields;
      fields.push_back(std::move(field));
      if (outcome == Outcome::kLast) return fields;
    }
  }

 private:
  enum class Outcome { kMore, kLast, kBadQuote };

  // With its line end.
  std::string_view take_line() {
    const std::size_t end = left_.find('\n');
    const std::string_view line = left_.substr(0, end == std::string_view::npos ? end : end + 1);
    left_.remove_prefix(line.size());
    return line;
  }

  static std::string_view without_line_end(std::string_view text) {
    if (text.ends_with('\n')) text.remove_suffix(1);
    if (text.ends_with('\r')) text.remove_suffix(1);
    return text;
  }

  Outcome read_plain(std::string& field) {
    const std::size_t end = line_.find(delimiter_);
    field = end == std::string_view::npos ? without_line_end(line_) : line_.substr(0, end);
    if (!lazy_quotes_ && field.find('"') != std::string::npos) return Outcome::kBadQuote;
    if (end == std::string_view::npos) return Outcome::kLast;
    line_.remove_prefix(end + delimiter_.size());
    return Outcome::kMore;
  }

  Outcome read_quoted(std::string& field) {
    line_.remove_prefix(1);
    while (true) {
      const std::size_t quote = line_.find('"');
      if (quote == std::string_view::npos) {
        field += without_line_end(line_);
        if (line_.ends_with('\n')) field += '\n';
        if (left_.empty()) return lazy_quotes_ ? Outcome::kLast : Outcome::kBadQuote;
        line_ = take_line();
        continue;
      }
      field += line_.substr(0, quote);
      line_.remove_prefix(quote + 1);
      if (line_.starts_with('"')) {
        field += '"';
        line_.remove_prefix(1);
      } else if (line_.starts_with(delimiter_)) {
        line_.remove_prefix(delimiter_.size());
        return Outcome::kMore;
      } else if (without_line_end(line_).empty()) {
        return Outcome::kLast;
      } else if (lazy_quotes_) {
        field += '"';
      } else {
        return Outcome::kBadQuote;
      }
    }
  }

  std::string_view left_;
  std::string_view delimiter_;
  const bool lazy_quotes_;
  std::string_view line_;  // what is left of it
};

}  // namespace

Result<std::vector<std::string>> read_csv_row(std::string_view row, std::string_view delimiter,
                                              bool lazy_quotes) {
  std::vector<std::string> fields;
  bool is_first = true;
  CsvReader reader(row, delimiter, lazy_quotes);
  while (reader.skip_to_line()) {
    const std::vector<std::string> line = reader.next_line();
    if (line.empty()) return permanent("read csv line: a quote where none may be");
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (!is_first && i == 0) {
        fields.back() += '\n' + line[i];
      } else {
        fields.push_back(line[i]);
      }
    }
    is_first = false;
  }
  if (fields.empty()) return permanent("no csv lines found");
  return fields;
}

std::vector<std::string> split_text(std::string_view text, std::string_view delimiter) {
  std::vector<std::string> parts;
  for (std::size_t end = text.find(delimiter); end != std::string_view::npos;
       end = text.find(delimiter)) {
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(end + delimiter.size());
  }
  parts.emplace_back(text);
  return parts;
}

Result<std::vector<std::string>> split_quoted(std::string_view text, std::string_view delimiter) {
  std::vector<std::string> parts;
  std::string part;
  char quote = '\0';
  const auto finish = [&] {
    if (!part.empty()) parts.push_back(std::exchange(part, ""));
  };
  for (std::size_t at = 0; at < text.size();) {
    if (quote == '\0' && text.substr(at).starts_with(delimiter)) {
      finish();
      at += delimiter.size();
      continue;
    }
    const char c = text[at++];
    if (quote == '\0' && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == quote) {
      quote = '\0';
    } else {
      part += c;
    }
  }
  if (quote != '\0') return permanent("never reached the end of a quoted value");
  finish();
  return parts;
}

}  // namespace kernspan::ottl
