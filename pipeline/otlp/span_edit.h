#pragma once

#include <functional>
#include <string_view>

#include "pipeline/otlp/attribute_editor.h"
#include "pipeline/otlp/batch.h"
#include "pipeline/otlp/span_view.h"

namespace kernspan::otlp {

// One span, open for changes; borrowed for one call.
class SpanEditor {
 public:
  // As it came; changes do not show here.
  const SpanView& span() const { return span_; }
  const ResourceView& resource() const { return resource_; }
  const ScopeView& scope() const { return scope_; }

  // Opened when first asked for.
  AttributeEditor& attributes();

  // Empty removes the field.
  void set_trace_state(std::string_view trace_state);
  void set_name(std::string_view name);
  void set_trace_id(const TraceId& id);
  void set_parent_span_id(const SpanId& id);  // not valid: the span becomes a root

  // The span leaves the batch, whatever else was changed.
  void drop() { dropped_ = true; }

 private:
  friend class SpanEditPass;

  struct Replacement {
    std::uint32_t field;
    std::string bytes;
  };

  void open(const SpanView& span);
  void replace(std::uint32_t field, std::string_view bytes);
  bool changed() const;
  void append_to(std::string& out) const;

  SpanView span_;
  ResourceView resource_;
  ScopeView scope_;
  AttributeEditor attributes_;
  bool attributes_open_ = false;
  std::vector<Replacement> replacements_;
  bool dropped_ = false;
};

using SpanEdit = std::function<void(SpanEditor& span)>;

// Shows every span of a batch of traces to `edit`. Spans that change are written anew; runs of
// those that do not stay where they are. Resources and scopes that lose all their spans go.
// Unknown fields stay. A batch that was not changed comes back as it was.
Batch edit_spans(Batch batch, const SpanEdit& edit);

}  // namespace kernspan::otlp
