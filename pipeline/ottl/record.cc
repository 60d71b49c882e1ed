#include "pipeline/ottl/record.h"

#include "pipeline/otlp/wire_fields.h"
#include "pipeline/ottl/lookups.h"

namespace kernspan::ottl {

std::string_view context_name(Context context) {
  switch (context) {
    case Context::kResource:
      return "resource";
    case Context::kScope:
      return "scope";
    case Context::kSpan:
      return "span";
    case Context::kSpanEvent:
      return "spanevent";
  }
  return "span";
}

void Record::clear_cache() {
  if (!cache_.is_nil()) cache_ = Value();
}

void Record::look_for(const Lookups& lookups) {
  lookups_ = &lookups;
  resource_.look_for(lookups.of(Context::kResource));
  scope_.look_for(lookups.of(Context::kScope));
  span_.look_for(lookups.of(Context::kSpan));
  event_.look_for(lookups.of(Context::kSpanEvent));
}

void Record::open_resource(const otlp::RequestTree& tree, std::uint32_t resource) {
  clear_cache();
  if (tree_ == &tree && open_resource_ == resource) return;
  tree_ = &tree;
  open_resource_ = resource;
  scope_is_open_ = false;
  resource_.open(tree.resources[resource].resource, otlp::wire::resource::kAttributes);
  resource_header_.open(tree.resources[resource].header, 0);
}

void Record::open_scope(const otlp::RequestTree& tree, std::uint32_t scope) {
  open_resource(tree, tree.scopes[scope].resource);
  if (scope_is_open_ && open_scope_ == scope) return;
  open_scope_ = scope;
  scope_is_open_ = true;
  scope_.open(tree.scopes[scope].scope, otlp::wire::scope::kAttributes);
  scope_header_.open(tree.scopes[scope].header, 0);
}

void Record::open_span(const otlp::SpanIndex& index, std::size_t span) {
  open_scope(index.tree(), index.spans()[span].scope);
  span_.open(index.bytes(span), otlp::wire::span::kAttributes);
  if (lookups_ != nullptr && lookups_->asked().are_answered(index)) {
    span_.take_found(index, span, lookups_->asked().numbers());
  }
}

std::size_t Record::change_bytes() const {
  std::size_t bytes = 0;
  for (const OpenMessage* message :
       {&resource_header_, &resource_, &scope_header_, &scope_, &span_, &event_}) {
    bytes += message->kept_bytes();
  }
  return bytes;
}

void Record::open_event(std::string_view event, std::size_t position) {
  clear_cache();
  event_position_ = position;
  event_.open(event, otlp::wire::event::kAttributes);
}

}  // namespace kernspan::ottl
