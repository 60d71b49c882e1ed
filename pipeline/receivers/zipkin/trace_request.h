#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "pipeline/otlp/wire_writer.h"

namespace kernspan {

using TagValue = std::variant<std::string, std::int64_t, double, bool>;

// By key. As what translators of other formats need: the later one wins.
using TagMap = std::map<std::string, TagValue, std::less<>>;

// Writes KeyValue messages into the given field.
void write_attributes(otlp::WireWriter& out, std::uint32_t field, const TagMap& attributes);

// Collects encoded spans under their resources and scopes, in the order in which these first came.
class TraceRequest {
 public:
  // `span`: an encoded Span. `scope`: an encoded InstrumentationScope, or empty for none.
  void add(const TagMap& resource, const std::string& scope, std::string_view span);

  std::size_t span_count() const { return span_count_; }
  // The encoded ExportTraceServiceRequest; this is empty then.
  std::string finish();

 private:
  struct Group {
    std::string resource;
    std::string scope;
    otlp::WireWriter spans;
  };

  std::map<std::string, std::size_t> by_key_;
  std::vector<Group> groups_;
  std::size_t span_count_ = 0;
};

}  // namespace kernspan
