// What the spans of all protocols have in common: addresses, links, times.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/conn/exchange.h"
#include "agent/span/span_options.h"
#include "pipeline/otlp/span_encoder.h"

namespace kernspan {

// The attributes of one span after the other; keeps its buffers. Values are borrowed until the span
// is written, or belong to the buffers.
class ExchangeAttributes {
 public:
  // Begins the attributes of the next span.
  void clear() {
    attributes_.clear();
    trace_state_text_.clear();
  }

  void add(std::string_view key, otlp::AttributeValue value) {
    attributes_.push_back({key, value});
  }

  // server.*, client.address and network.peer.*. `host` and `port` are what the request says; empty:
  // the socket's.
  void add_addresses(const Exchange& exchange, std::string_view host,
                     std::optional<std::uint16_t> port);
  // What add_facts() says of the peer; borrowed until the span is written. Null: nothing.
  void set_peer(const PeerService* peer) { peer_service_ = peer; }
  // The peer's service, RST_STREAM, the evidence of the link, what a gateway needs to join the trace with another node's,
  // and what is missing.
  void add_facts(const Exchange& exchange);
  // That the trace's id is derived, and for how many it stands, if more than one: traces that were not
  // sampled, connections that were left out.
  void add_trace_mark(const Exchange& exchange);

  // The peer's address as text, after add_addresses().
  std::string_view peer() const { return peer_text_; }

  // The ended exchange with these attributes; lacks nothing but what `name` and `is_error` say.
  otlp::SpanData span(const Exchange& exchange, std::string_view name, bool is_error) const;

 private:
  std::vector<otlp::Attribute> attributes_;
  const PeerService* peer_service_ = nullptr;
  std::string peer_text_;
  std::string local_text_;
  std::string peer_trace_text_;
  std::string trace_state_text_;  // empty: the exchange's own
};

// A monotonic time of the exchange as Unix time.
std::uint64_t wall_ns(const Exchange& exchange, std::uint64_t monotonic_ns);

}  // namespace kernspan
