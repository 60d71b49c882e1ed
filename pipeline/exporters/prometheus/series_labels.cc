#include "pipeline/exporters/prometheus/series_labels.h"

#include <utility>

#include "pipeline/exporters/prometheus/prometheus_names.h"
#include "pipeline/otlp/utf8.h"
#include "pipeline/otlp/value_text.h"

namespace kernspan {

void SeriesLabels::add(const otlp::AttributeRange& attributes, std::string_view prefix) {
  for (const otlp::AttributeView attribute : attributes) {
    std::string name = label_name(std::string(prefix) + std::string(attribute.key));
    const std::string value = otlp::value_text(attribute.value());
    const auto [found, is_new] = labels_.try_emplace(std::move(name), value);
    if (!is_new) found->second += ";" + value;
  }
}

void SeriesLabels::set(std::string name, std::string_view value) {
  if (value.empty()) return;
  labels_.insert_or_assign(std::move(name), std::string(value));
}

std::string SeriesLabels::text() const {
  std::string text;
  for (const auto& [name, value] : labels_) {
    if (!text.empty()) text += ',';
    text += name;
    text += "=\"";
    text += escaped_label_value(value);
    text += '"';
  }
  return text;
}

std::string escaped_label_value(std::string_view value) {
  std::string valid(value);
  otlp::replace_invalid_utf8(valid.data(), valid.size());
  std::string escaped;
  for (const char c : valid) {
    if (c == '\\' || c == '"') escaped += '\\';
    if (c == '\n') {
      escaped += "\\n";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

}  // namespace kernspan
