#pragma once

#include <map>
#include <string>
#include <string_view>

#include "pipeline/otlp/attribute_view.h"

namespace kernspan {

// The labels of a series. Values of attributes whose names become the same label are joined by ";",
// as upstream.
class SeriesLabels {
 public:
  void add(const otlp::AttributeRange& attributes, std::string_view prefix = "");
  // Replaces; an empty value is no label.
  void set(std::string name, std::string_view value);
  bool has(const std::string& name) const { return labels_.contains(name); }
  bool empty() const { return labels_.empty(); }

  // a="b",c="d" in the order of the names, escaped, and UTF-8 throughout: Prometheus refuses a whole
  // page for one byte that is not.
  std::string text() const;

 private:
  std::map<std::string, std::string> labels_;
};

// The escapes of a label's value, without the quotes.
std::string escaped_label_value(std::string_view value);

}  // namespace kernspan
