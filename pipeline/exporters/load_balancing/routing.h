// Which of a ring's endpoints each span goes to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/otlp/batch.h"
#include "pipeline/otlp/span_index.h"
#include "pipeline/routing/hash_ring.h"

namespace kernspan {

enum class RoutingKey : std::uint8_t { kTraceId, kAttributes };

// `service` is the attribute service.name.
struct Routing {
  RoutingKey key = RoutingKey::kTraceId;
  std::vector<std::string> attributes = {};
};

// The part of a batch that one endpoint owns; the number is that of HashRing::endpoints().
struct OwnedPart {
  std::size_t owner = HashRing::kNone;
  otlp::Batch batch;
};

// One part per owner, in no order; the spans stay where they are. The ring is not empty.
std::vector<OwnedPart> split_by_owner(otlp::Batch batch, const HashRing& ring,
                                      const Routing& routing);

// Upstream's key of a span: "service.name=cart|span.kind=Server|", each attribute's value from the
// resource, else the scope, else the span; "name=|" where none has it. True when the resource alone
// decided. `key` is written over.
bool attribute_key(const otlp::SpanIndex& index, std::size_t span,
                   const std::vector<std::string>& attributes, std::string* key);

}  // namespace kernspan
