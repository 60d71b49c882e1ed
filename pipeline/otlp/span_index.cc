#include "pipeline/otlp/span_index.h"

#include <string>
#include <utility>

#include "pipeline/otlp/plain_span.h"
#include "pipeline/otlp/request_tree_builder.h"
#include "pipeline/otlp/request_walk.h"
#include "pipeline/otlp/span_findings.h"

namespace kernspan::otlp {
namespace {

class IndexBuilder : public RequestTreeBuilder {
 public:
  // `known`: what is known of the first spans; the others are read.
  IndexBuilder(RequestTree& tree, std::vector<IndexedSpan>& spans,
               std::span<const IndexedSpan> known)
      : RequestTreeBuilder(tree), spans_(spans), known_(known) {}

  void item(const SliceCursor::Header& header, std::uint32_t slice, std::uint32_t offset,
            std::string_view whole) {
    if (spans_.size() < known_.size()) {
      spans_.push_back(known_[spans_.size()]);
    } else {
      read(whole.substr(header.size), spans_.emplace_back());
    }
    IndexedSpan& entry = spans_.back();
    entry.position = {
        .slice = slice, .offset = offset, .size = static_cast<std::uint32_t>(whole.size())};
    entry.scope = current_scope();
    entry.header_size = static_cast<std::uint8_t>(header.size);
  }

 private:
  static void read(std::string_view content, IndexedSpan& entry) {
    const auto pass_by = [](unsigned, const char*, const char*) { return true; };
    if (!read_plain_span(content.data(), content.data() + content.size(), entry, pass_by)) {
      entry = {};
      read_any_span(content, entry);
    }
  }

  std::vector<IndexedSpan>& spans_;
  const std::span<const IndexedSpan> known_;
};

std::shared_ptr<const std::vector<IndexedSpan>> walk(const Batch& batch, RequestTree& tree,
                                                     std::span<const IndexedSpan> known) {
  tree.slices = batch.slices();
  auto spans = std::make_shared<std::vector<IndexedSpan>>();
  spans->reserve(batch.item_count());
  IndexBuilder builder(tree, *spans, known);
  walk_request(tree.slices, builder);
  return spans;
}

}  // namespace

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

SpanIndex::SpanIndex(const Batch& batch) : spans_(walk(batch, tree_, {})) {}

SpanIndex::SpanIndex(const Batch& batch, SpanFindings findings)
    : spans_(walk(batch, tree_, findings.spans())),
      key_count_(findings.keys().size()),
      values_(findings.take_values()) {
  if (key_count_ != 0) keys_ = &findings.keys();
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
