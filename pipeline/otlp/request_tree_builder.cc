#include "pipeline/otlp/request_tree_builder.h"

#include <utility>

namespace kernspan::otlp {

void RequestTreeBuilder::Joined::clear() {
  piece_ = {};
  copy_.clear();
  is_copy_ = false;
}

void RequestTreeBuilder::Joined::add(std::string_view bytes) {
  if (bytes.empty()) return;
  if (is_copy_) {
    copy_ += bytes;
  } else if (piece_.empty()) {
    piece_ = bytes;
  } else if (piece_.data() + piece_.size() == bytes.data()) {
    piece_ = {piece_.data(), piece_.size() + bytes.size()};
  } else {
    copy_ = piece_;
    copy_ += bytes;
    is_copy_ = true;
  }
}

std::string_view RequestTreeBuilder::Joined::finish(RequestTree& tree) {
  if (!is_copy_) return piece_;
  tree.joined_headers.emplace_back(std::move(copy_));
  return tree.joined_headers.back().view();
}

void RequestTreeBuilder::begin_resource() {
  tree_.resources.emplace_back();
  resource_header_.clear();
  resource_.clear();
  resource_used_ = false;
}

// A singular message that occurs several times counts as the merge of all, which is what their
// concatenated contents decode to.
void RequestTreeBuilder::resource_field(const SliceCursor::Header& header, std::string_view whole) {
  resource_header_.add(whole);
  if (header.number == wire::resource_spans::kResource && header.type == WireType::kBytes) {
    resource_.add(whole.substr(header.size));
  }
}

void RequestTreeBuilder::end_resource() {
  if (!resource_used_) {
    tree_.resources.pop_back();
    return;
  }
  tree_.resources.back().header = resource_header_.finish(tree_);
  tree_.resources.back().resource = resource_.finish(tree_);
}

void RequestTreeBuilder::begin_scope() {
  tree_.scopes.emplace_back().resource = static_cast<std::uint32_t>(tree_.resources.size() - 1);
  scope_header_.clear();
  scope_.clear();
  scope_used_ = false;
}

void RequestTreeBuilder::scope_field(const SliceCursor::Header& header, std::string_view whole) {
  scope_header_.add(whole);
  if (header.number == wire::scope_spans::kScope && header.type == WireType::kBytes) {
    scope_.add(whole.substr(header.size));
  }
}

void RequestTreeBuilder::end_scope() {
  if (!scope_used_) {
    tree_.scopes.pop_back();
    return;
  }
  resource_used_ = true;
  tree_.scopes.back().header = scope_header_.finish(tree_);
  tree_.scopes.back().scope = scope_.finish(tree_);
}

}  // namespace kernspan::otlp
