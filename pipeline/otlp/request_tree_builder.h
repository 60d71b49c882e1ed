#pragma once

#include <string>
#include <string_view>

#include "pipeline/otlp/request_tree.h"
#include "pipeline/otlp/request_walk.h"

namespace kernspan::otlp {

// What a visitor of walk_request() needs to fill a tree; it adds item(), which calls
// current_scope() for the number of the item's scope.
class RequestTreeBuilder {
 public:
  explicit RequestTreeBuilder(RequestTree& tree) : tree_(tree) {}

  void begin_resource();
  void resource_field(const SliceCursor::Header& header, std::string_view whole);
  void end_resource();
  void begin_scope();
  void scope_field(const SliceCursor::Header& header, std::string_view whole);
  void end_scope();

  std::uint32_t current_scope() {
    scope_used_ = true;
    return static_cast<std::uint32_t>(tree_.scopes.size() - 1);
  }

 private:
  // Bytes of one or several fields, in one piece as long as they are neighbours.
  class Joined {
   public:
    void clear();
    void add(std::string_view bytes);
    // What was added, kept alive by the tree when it had to be joined.
    std::string_view finish(RequestTree& tree);

   private:
    std::string_view piece_;
    std::string copy_;
    bool is_copy_ = false;
  };

  RequestTree& tree_;
  Joined resource_header_;
  Joined resource_;
  Joined scope_header_;
  Joined scope_;
  bool resource_used_ = false;
  bool scope_used_ = false;
};

}  // namespace kernspan::otlp
