#include "pipeline/otlp/request_builder.h"

#include <string>

#include "pipeline/otlp/wire_fields.h"
#include "pipeline/otlp/wire_reader.h"

namespace kernspan::otlp {

void RequestBuilder::add(std::uint32_t scope, SlicePosition position, std::size_t items) {
  if (scope != open_scope_) enter(scope);
  scope_.append(tree_.slices[position.slice], tree_.bytes(position));
  items_ += items;
}

void RequestBuilder::add_new(std::uint32_t scope, std::string_view content) {
  if (scope != open_scope_) enter(scope);
  // In one piece: a field that is cut cannot be found again.
  item_.clear();
  append_bytes_field(item_, wire::scope_spans::kSpans, content);
  scope_.append_copy(item_);
  ++items_;
}

void RequestBuilder::enter(std::uint32_t scope) {
  close_scope();
  const std::uint32_t resource = tree_.scopes[scope].resource;
  if (resource != open_resource_) {
    close_resource();
    open_resource_ = resource;
    resource_.append_copy(tree_.resources[resource].header);
  }
  open_scope_ = scope;
  scope_.append_copy(tree_.scopes[scope].header);
}

void RequestBuilder::close_scope() {
  if (open_scope_ == kNone) return;
  std::string header;
  append_bytes_header(header, wire::resource_spans::kScopeSpans, scope_.size());
  resource_.append_copy(header);
  resource_.append(scope_);
  open_scope_ = kNone;
}

void RequestBuilder::close_resource() {
  close_scope();
  if (open_resource_ == kNone) return;
  std::string header;
  append_bytes_header(header, wire::request::kResourceSpans, resource_.size());
  request_.append_copy(header);
  request_.append(resource_);
  open_resource_ = kNone;
}

std::size_t RequestBuilder::byte_count() const {
  if (open_scope_ == kNone) return request_.size();
  const std::size_t scope = bytes_field_size(wire::resource_spans::kScopeSpans, scope_.size());
  return request_.size() +
         bytes_field_size(wire::request::kResourceSpans, resource_.size() + scope);
}

std::size_t RequestBuilder::byte_count_with(std::uint32_t scope, std::size_t item_size) const {
  const RequestTree::Scope& added = tree_.scopes[scope];
  std::size_t closed = request_.size();
  std::size_t resource = resource_.size();
  std::size_t content = item_size;
  if (scope == open_scope_) {
    content += scope_.size();
  } else {
    content += added.header.size();
    if (added.resource == open_resource_) {
      resource += bytes_field_size(wire::resource_spans::kScopeSpans, scope_.size());
    } else {
      closed = byte_count();
      resource = tree_.resources[added.resource].header.size();
    }
  }
  resource += bytes_field_size(wire::resource_spans::kScopeSpans, content);
  return closed + bytes_field_size(wire::request::kResourceSpans, resource);
}

Batch RequestBuilder::take() {
  close_resource();
  const std::size_t items = items_;
  items_ = 0;
  return Batch::from_slices(request_.take(), items, signal_);
}

}  // namespace kernspan::otlp
