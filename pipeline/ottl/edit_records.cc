#include "pipeline/ottl/edit_records.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/otlp/request_builder.h"
#include "pipeline/otlp/span_index.h"
#include "pipeline/otlp/wire_fields.h"
#include "pipeline/otlp/wire_reader.h"

namespace kernspan::ottl {
namespace {

namespace wire = otlp::wire;

// Two steps: all records are visited, and then, when one of them was changed or dropped, the batch
// is put together. A resource's changes are known only when its last span has been seen.
class RecordEditPass {
 public:
  RecordEditPass(otlp::Batch& batch, Context context, const Clock& clock, const VisitRecord& visit,
                 const Lookups* lookups)
      : riding_index_(batch.index()),
        index_(*riding_index_),
        signal_(batch.signal()),
        context_(context),
        visit_(visit),
        at_{.record = record_, .clock = clock} {
    if (lookups != nullptr) record_.look_for(*lookups);
  }

  Status run() {
    Status visited;
    if (context_ == Context::kResource) {
      visited = visit_resources();
    } else if (context_ == Context::kScope) {
      visited = visit_scopes();
    } else {
      visited = visit_spans();
    }
    if (visited) leave_scope();
    if (visited) leave_resource();
    return visited;
  }

  bool changed() const {
    return dropped_spans_ != 0 || !changes_.empty() || !new_resources_.empty() ||
           !new_scopes_.empty();
  }
  std::size_t dropped_spans() const { return dropped_spans_; }
  std::size_t dropped_events() const { return dropped_events_; }

  otlp::Batch take() {
    otlp::RequestTree tree = index_.tree();
    for (const auto& [resource, header] : new_resources_) tree.resources[resource].header = header;
    for (const auto& [scope, header] : new_scopes_) tree.scopes[scope].header = header;
    otlp::RequestBuilder builder(tree, signal_);
    std::string_view contents = contents_;
    auto change = changes_.begin();
    for (std::uint32_t span = 0; span < index_.size(); ++span) {
      const otlp::IndexedSpan& entry = index_.spans()[span];
      if (!dropped_.empty() && dropped_[span]) continue;
      if (change == changes_.end() || change->span != span) {
        builder.add(entry.scope, entry.position);
        continue;
      }
      builder.add_new(entry.scope, contents.substr(0, change->size));
      contents.remove_prefix(change->size);
      ++change;
    }
    return builder.take();
  }

 private:
  struct Change {
    std::uint32_t span;
    std::size_t size;  // in contents_
  };
  using Headers = std::vector<std::pair<std::uint32_t, std::string>>;

  Status visit_resources() {
    const std::size_t count = index_.tree().resources.size();
    std::vector<bool> condemned(count);
    for (std::uint32_t i = 0; i < count; ++i) {
      enter_resource(i);
      record_.open_resource(index_.tree(), i);
      const Result<bool> keep = visit_(at_);
      if (!keep) return std::unexpected(keep.error());
      condemned[i] = !*keep;
    }
    for (std::uint32_t span = 0; span < index_.size(); ++span) {
      if (condemned[index_.resource_number(span)]) drop(span);
    }
    return {};
  }

  Status visit_scopes() {
    const std::size_t count = index_.tree().scopes.size();
    std::vector<bool> condemned(count);
    for (std::uint32_t i = 0; i < count; ++i) {
      enter_scope(i);
      record_.open_scope(index_.tree(), i);
      const Result<bool> keep = visit_(at_);
      if (!keep) return std::unexpected(keep.error());
      condemned[i] = !*keep;
    }
    for (std::uint32_t span = 0; span < index_.size(); ++span) {
      if (condemned[index_.spans()[span].scope]) drop(span);
    }
    return {};
  }

  Status visit_spans() {
    for (std::uint32_t span = 0; span < index_.size(); ++span) {
      enter_scope(index_.spans()[span].scope);
      record_.open_span(index_, span);
      if (context_ == Context::kSpanEvent) {
        if (Status visited = visit_events(); !visited) return visited;
      } else {
        const Result<bool> keep = visit_(at_);
        if (!keep) return std::unexpected(keep.error());
        if (!*keep) {
          drop(span);
          continue;
        }
      }
      if (!record_.span().changed()) continue;
      const std::size_t begin = contents_.size();
      record_.span().append_to(contents_);
      changes_.push_back({span, contents_.size() - begin});
    }
    return {};
  }

  Status visit_events() {
    events_.clear();
    bool changed = false;
    std::size_t position = 0;
    otlp::WireReader reader(record_.span().bytes());
    for (otlp::WireField field; reader.next(field);) {
      if (!field.is_bytes(wire::span::kEvents)) continue;
      record_.open_event(field.bytes, position++);
      const Result<bool> keep = visit_(at_);
      if (!keep) return std::unexpected(keep.error());
      if (!*keep) {
        ++dropped_events_;
        changed = true;
      } else if (record_.event().changed()) {
        changed = true;
        event_.clear();
        record_.event().append_to(event_);
        otlp::append_bytes_field(events_, wire::span::kEvents, event_);
      } else {
        events_ += field.whole;
      }
    }
    if (changed) record_.span().set_fields(wire::span::kEvents, events_);
    return {};
  }

  void drop(std::uint32_t span) {
    if (dropped_.empty()) dropped_.resize(index_.size());
    dropped_[span] = true;
    ++dropped_spans_;
  }

  void enter_resource(std::uint32_t resource) {
    if (resource == resource_) return;
    leave_resource();
    resource_ = resource;
  }

  void enter_scope(std::uint32_t scope) {
    if (scope == scope_) return;
    leave_scope();
    scope_ = scope;
    enter_resource(index_.tree().scopes[scope].resource);
  }

  void leave_resource() {
    if (resource_ == kNone) return;
    leave(record_.resource(), record_.resource_header(), wire::resource_spans::kResource, resource_,
          new_resources_);
  }

  void leave_scope() {
    if (scope_ == kNone) return;
    leave(record_.scope(), record_.scope_header(), wire::scope_spans::kScope, scope_, new_scopes_);
  }

  static void leave(const OpenMessage& message, OpenMessage& header, std::uint32_t field,
                    std::uint32_t number, Headers& headers) {
    if (message.changed()) {
      std::string content;
      message.append_to(content);
      header.set_content(field, content);
    }
    if (!header.changed()) return;
    header.append_to(headers.emplace_back(number, "").second);
  }

  static constexpr std::uint32_t kNone = 0xFFFF'FFFF;

  const std::shared_ptr<const otlp::SpanIndex> riding_index_;
  const otlp::SpanIndex& index_;
  const otlp::Signal signal_;
  const Context context_;
  const VisitRecord& visit_;
  Record record_;
  Evaluation at_;
  std::uint32_t resource_ = kNone;
  std::uint32_t scope_ = kNone;
  std::vector<bool> dropped_;  // of each span; empty while none is
  std::size_t dropped_spans_ = 0;
  std::size_t dropped_events_ = 0;
  std::vector<Change> changes_;  // in order
  std::string contents_;         // of the spans that changed
  Headers new_resources_;
  Headers new_scopes_;
  std::string events_;  // of the open span
  std::string event_;
};

}  // namespace

Result<EditedBatch> edit_records(otlp::Batch batch, Context context, const Clock& clock,
                                 const VisitRecord& visit, const Lookups* lookups) {
  RecordEditPass pass(batch, context, clock, visit, lookups);
  if (Status visited = pass.run(); !visited) return std::unexpected(visited.error());
  EditedBatch edited{.batch = {}, .dropped_spans = 0, .dropped_events = 0};
  edited.dropped_spans = pass.dropped_spans();
  edited.dropped_events = pass.dropped_events();
  edited.batch = pass.changed() ? pass.take() : std::move(batch);
  return edited;
}

}  // namespace kernspan::ottl
