#include "pipeline/exporters/file/file_groups.h"

#include <filesystem>
#include <map>
#include <string_view>
#include <utility>

#include "pipeline/otlp/attribute_view.h"
#include "pipeline/otlp/wire_fields.h"
#include "pipeline/otlp/wire_reader.h"

namespace kernspan {
namespace {

constexpr const char* kMissing = "MISSING";

std::string path_of(const std::string& pattern, std::string_view value) {
  std::string segment;
  if (value.find('\0') == std::string_view::npos) {
    // As if the value stood below a root: nothing leads out of it.
    segment = (std::filesystem::path("/") / std::string(value)).lexically_normal().string();
    while (segment.starts_with('/')) segment.erase(0, 1);
    while (segment.ends_with('/')) segment.pop_back();
  }
  if (segment.empty()) segment = kMissing;
  std::string path = pattern;
  return path.replace(path.find('*'), 1, segment);
}

std::string_view attribute_of(std::string_view resource_spans, std::string_view name) {
  using Resources = otlp::FieldRange<std::string_view>;
  for (const auto resource : Resources(resource_spans, otlp::wire::resource_spans::kResource)) {
    const otlp::AttributeRange attributes(resource, otlp::wire::resource::kAttributes);
    const otlp::ValueView value = otlp::find_attribute(attributes, name);
    if (value.kind() == otlp::ValueKind::kString) return value.as_string();
  }
  return "";
}

}  // namespace

std::vector<FileGroup> group_by_file(const otlp::Batch& batch, const std::string& path,
                                     const FileGroupSettings& settings) {
  const otlp::Slice request = batch.joined();
  std::map<std::string, std::string> requests;
  otlp::WireReader reader(request.view());
  for (otlp::WireField field; reader.next(field);) {
    if (!field.is_bytes(otlp::wire::request::kResourceSpans)) continue;
    // A field of the request is a request by itself.
    requests[path_of(path, attribute_of(field.bytes, settings.resource_attribute))] += field.whole;
  }
  std::vector<FileGroup> groups;
  for (auto& [file, bytes] : requests) {
    auto part = otlp::Batch::from_wire(std::move(bytes), batch.signal());
    if (part && !part->empty()) groups.push_back({file, *std::move(part)});
  }
  return groups;
}

}  // namespace kernspan
