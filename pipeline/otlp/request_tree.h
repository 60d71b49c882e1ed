// The resources and scopes of a request, and where their items (spans or metrics) lie. Resource- and
// scope-level messages of traces and metrics have the same shape, which is all that is used here.
//
//   request { 1: ResourceSpans { 1: Resource  2: ScopeSpans { 1: Scope  2: Span ...  3: url }  3: url } ... }
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "pipeline/otlp/batch.h"

namespace kernspan::otlp {

// A field with tag and length, whole in one slice of a tree.
struct SlicePosition {
  std::uint32_t slice = 0;
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
};

// Resources and scopes without items are left out, so that the size is bounded by that of the items.
// Borrows nothing: it shares the slices.
struct RequestTree {
  struct Scope {
    std::uint32_t resource = 0;
    std::string_view scope;   // the InstrumentationScope's content; empty without one
    std::string_view header;  // all fields of the ScopeSpans but the items
  };
  struct Resource {
    std::string_view resource;  // the Resource's content; empty without one
    std::string_view header;    // all fields of the ResourceSpans but the scopes
  };

  std::string_view bytes(SlicePosition position) const {
    return slices[position.slice].view().substr(position.offset, position.size);
  }

  // visit(std::string_view&) for what resources and scopes have, in order.
  template <typename Visit>
  void for_each_header(Visit visit) {
    for (Resource& resource : resources) {
      visit(resource.resource);
      visit(resource.header);
    }
    for (Scope& scope : scopes) {
      visit(scope.scope);
      visit(scope.header);
    }
  }

  std::vector<Slice> slices;
  std::vector<Resource> resources;
  std::vector<Scope> scopes;
  // Headers that were not in one piece: fields in front of and behind the items.
  std::vector<Slice> joined_headers;
};

}  // namespace kernspan::otlp
