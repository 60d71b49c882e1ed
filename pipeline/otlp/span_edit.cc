#include "pipeline/otlp/span_edit.h"

#include <utility>

#include "pipeline/otlp/request_builder.h"
#include "pipeline/otlp/span_index.h"

namespace kernspan::otlp {

AttributeEditor& SpanEditor::attributes() {
  if (!attributes_open_) attributes_.open(span_.bytes, wire::span::kAttributes);
  attributes_open_ = true;
  return attributes_;
}

void SpanEditor::set_trace_state(std::string_view trace_state) {
  replace(wire::span::kTraceState, trace_state);
}

void SpanEditor::set_name(std::string_view name) {
  replace(wire::span::kName, name);
}

void SpanEditor::set_trace_id(const TraceId& id) {
  replace(wire::span::kTraceId, id.view());
}

void SpanEditor::set_parent_span_id(const SpanId& id) {
  replace(wire::span::kParentSpanId, id.is_valid() ? id.view() : std::string_view());
}

void SpanEditor::open(const SpanView& span) {
  span_ = span;
  attributes_open_ = false;
  replacements_.clear();
  dropped_ = false;
}

void SpanEditor::replace(std::uint32_t field, std::string_view bytes) {
  for (Replacement& replacement : replacements_) {
    if (replacement.field != field) continue;
    replacement.bytes = bytes;
    return;
  }
  replacements_.push_back({field, std::string(bytes)});
}

bool SpanEditor::changed() const {
  return !replacements_.empty() || (attributes_open_ && attributes_.changed());
}

void SpanEditor::append_to(std::string& out) const {
  const bool new_attributes = attributes_open_ && attributes_.changed();
  const auto stays = [&](const WireField& field) {
    if (field.type != WireType::kBytes) return true;
    if (field.number == wire::span::kAttributes) return !new_attributes;
    for (const Replacement& replacement : replacements_) {
      if (replacement.field == field.number) return false;
    }
    return true;
  };
  for (const Replacement& replacement : replacements_) {
    if (!replacement.bytes.empty()) append_bytes_field(out, replacement.field, replacement.bytes);
  }
  WireReader reader(span_.bytes);
  for (WireField field; reader.next(field);) {
    if (stays(field)) out += field.whole;
  }
  if (new_attributes) attributes_.append_to(out);
}

class SpanEditPass {
 public:
  SpanEditPass(const Batch& batch, const SpanEdit& edit)
      : index_(batch), builder_(index_.tree(), batch.signal()), edit_(edit) {}

  void run() {
    for (std::size_t i = 0; i < index_.size(); ++i) {
      const IndexedSpan& entry = index_.spans()[i];
      open(i, entry.scope);
      edit_(editor_);
      if (editor_.dropped_) {
        changed_ = true;
      } else if (!editor_.changed()) {
        builder_.add(entry.scope, entry.position);
      } else {
        changed_ = true;
        content_.clear();
        editor_.append_to(content_);
        builder_.add_new(entry.scope, content_);
      }
    }
  }

  bool changed() const { return changed_; }
  Batch take() { return builder_.take(); }

 private:
  void open(std::size_t span, std::uint32_t scope) {
    editor_.open(index_.view(span));
    if (scope == scope_) return;
    scope_ = scope;
    editor_.scope_ = index_.scope_of(span);
    editor_.resource_ = index_.resource_of(span);
  }

  const SpanIndex index_;
  RequestBuilder builder_;
  const SpanEdit& edit_;
  SpanEditor editor_;
  std::string content_;
  std::uint32_t scope_ = 0xFFFF'FFFF;
  bool changed_ = false;
};

Batch edit_spans(Batch batch, const SpanEdit& edit) {
  SpanEditPass pass(batch, edit);
  pass.run();
  if (!pass.changed()) return batch;
  return pass.take();
}

}  // namespace kernspan::otlp
