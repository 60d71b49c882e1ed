#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pipeline/otlp/request_tree.h"
#include "pipeline/otlp/span_index.h"
#include "pipeline/ottl/open_message.h"
#include "pipeline/ottl/value.h"

namespace kernspan::ottl {

// The levels of the telemetry that statements run on, and what their paths begin with: resource,
// scope (or instrumentation_scope), span, spanevent.
enum class Context : std::uint8_t { kResource, kScope, kSpan, kSpanEvent };

class Lookups;  // lookups.h

std::string_view context_name(Context context);

// The resource, scope, span and event that a statement looks at: those of its context and above.
// Reading borrows and copies nothing. Reused from one record to the next: opening is cheap, and an
// open resource or scope stays open, with its changes, until another one is opened. One thread.
class Record {
 public:
  Record() = default;
  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;

  // Before anything is open. They are complete, and outlive this.
  void look_for(const Lookups& lookups);

  // What they are made of outlives the record's use, and is of one tree: another batch takes another
  // Record. Each begins with an empty cache.
  void open_resource(const otlp::RequestTree& tree, std::uint32_t resource);
  void open_scope(const otlp::RequestTree& tree, std::uint32_t scope);  // and its resource
  void open_span(const otlp::SpanIndex& index, std::size_t span);       // and its scope
  void open_event(std::string_view event, std::size_t position);        // of the open span

  OpenMessage& resource() { return resource_; }
  OpenMessage& scope() { return scope_; }
  OpenMessage& span() { return span_; }
  OpenMessage& event() { return event_; }
  // The fields around resource and scope: schema URLs.
  OpenMessage& resource_header() { return resource_header_; }
  OpenMessage& scope_header() { return scope_header_; }

  // Of the changes to all that is open. A request may have many spans and events, each of which adds
  // to what is above it: statements stop changing a record that has reached kMaxChangeBytes.
  static constexpr std::size_t kMaxChangeBytes = 64 << 20;
  std::size_t change_bytes() const;

  std::size_t event_position() const { return event_position_; }

  // What the statements of one record hand to each other.
  Value& cache() { return cache_; }

 private:
  void clear_cache();

  const Lookups* lookups_ = nullptr;
  const otlp::RequestTree* tree_ = nullptr;
  std::uint32_t open_resource_ = 0;
  std::uint32_t open_scope_ = 0;
  bool scope_is_open_ = false;
  std::size_t event_position_ = 0;
  OpenMessage resource_header_;
  OpenMessage resource_;
  OpenMessage scope_header_;
  OpenMessage scope_;
  OpenMessage span_;
  OpenMessage event_;
  Value cache_;
};

}  // namespace kernspan::ottl
