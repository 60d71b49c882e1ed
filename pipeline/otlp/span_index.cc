#include "pipeline/otlp/span_index.h"

#include <string>
#include <utility>

#include "pipeline/otlp/plain_span.h"
#include "pipeline/otlp/request_tree_builder.h"
#include "pipeline/otlp/request_walk.h"

namespace kernspan::otlp {
namespace {

void read_any_span(std::string_view content, IndexedSpan& entry) {
  const SpanView span(content);
  entry.trace_id = span.trace_id;
  entry.span_id = span.span_id;
  entry.parent_span_id = span.parent_span_id;
  entry.start_time_unix_ns = span.start_time_unix_ns;
  entry.end_time_unix_ns = span.end_time_unix_ns;
  entry.flags = span.flags;
  entry.kind = span.kind;
  entry.status_code = span.status_code;
}

class IndexBuilder : public RequestTreeBuilder {
 public:
  IndexBuilder(RequestTree& tree, std::vector<IndexedSpan>& spans)
      : RequestTreeBuilder(tree), spans_(spans) {}

  void item(const SliceCursor::Header& header, std::uint32_t slice, std::uint32_t offset,
            std::string_view whole) {
    IndexedSpan& entry = spans_.emplace_back();
    const std::string_view content = whole.substr(header.size);
    const auto pass_by = [](unsigned, const char*, const char*) { return true; };
    if (!read_plain_span(content.data(), content.data() + content.size(), entry, pass_by)) {
      read_any_span(content, entry);
    }
    entry.position = {
        .slice = slice, .offset = offset, .size = static_cast<std::uint32_t>(whole.size())};
    entry.scope = current_scope();
    entry.header_size = static_cast<std::uint8_t>(header.size);
  }

 private:
  std::vector<IndexedSpan>& spans_;
};

}  // namespace

SpanIndex::SpanIndex(const Batch& batch) {
  tree_.slices = batch.slices();
  auto spans = std::make_shared<std::vector<IndexedSpan>>();
  spans->reserve(batch.item_count());
  IndexBuilder builder(tree_, *spans);
  walk_request(tree_.slices, builder);
  spans_ = std::move(spans);
}

SpanIndex::SpanIndex(const SpanIndex& other, std::vector<Slice> copy) : spans_(other.spans_) {
  tree_.slices = std::move(copy);
  // Headers may lie in any slice, or have been joined.
  tree_.resources = other.tree_.resources;
  tree_.scopes = other.tree_.scopes;
  std::string headers;
  tree_.for_each_header([&](std::string_view& header) { headers += header; });
  tree_.joined_headers.emplace_back(std::move(headers));
  std::string_view left = tree_.joined_headers.front().view();
  tree_.for_each_header([&](std::string_view& header) {
    header = left.substr(0, header.size());
    left.remove_prefix(header.size());
  });
}

}  // namespace kernspan::otlp
