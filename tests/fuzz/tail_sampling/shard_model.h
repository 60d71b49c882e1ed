// What a shard of tail sampling does, said as simply as possible: lists that are searched from end
// to end, a copy of everything, no bytes. For traces of one strategy (trace-complete).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/processors/tail_sampling/tail_sampling_settings.h"
#include "pipeline/processors/tail_sampling/trace_table.h"

namespace kernspan::sampling {

struct ModelSpan {
  int trace = 0;
  int span = 0;  // different for each
  bool is_root = false;
  std::uint64_t bytes = 0;         // as a span alone
  std::uint64_t header_bytes = 0;  // of resource and scope, once per request and trace
};

// What the policies say: of some traces by their number alone, of others by how many spans came.
TraceStatus model_verdict(int trace, std::size_t spans);

class ShardModel {
 public:
  ShardModel(const TailSamplingSettings& settings, std::uint64_t now_ns)
      : settings_(settings), tick_(now_ns >> kTickBits) {}

  // How many of the spans were taken, from that one on.
  std::size_t take(const std::vector<ModelSpan>& request, std::uint64_t request_number,
                   std::size_t from, std::uint64_t now_ns);
  void advance(std::uint64_t now_ns);
  void remember(int trace, TraceStatus status, std::uint64_t now_ns);
  void finish();

  std::vector<int> take_kept() { return std::exchange(kept_, {}); }
  std::size_t pending_count() const;
  std::size_t trace_count() const { return traces_.size(); }
  std::size_t held_span_count() const;
  std::uint64_t dropped(const std::string& reason) const {
    const auto found = dropped_.find(reason);
    return found == dropped_.end() ? 0 : found->second;
  }

 private:
  static constexpr int kTickBits = 23;  // decisions of one moment come bucket by bucket

  struct Trace {
    int trace = 0;
    TraceStatus status = TraceStatus::kPending;
    std::uint64_t due_ns = 0;
    std::uint64_t tick = 0;   // of its bucket
    std::uint64_t order = 0;  // of its way into the bucket; of a decided one: of the decision
    std::uint64_t bytes = 0;
    std::uint64_t last_request = ~0ULL;
    std::vector<int> spans = {};
  };
  using Cache = std::vector<std::pair<int, TraceStatus>>;  // the least recently used first

  Trace* find(int trace);
  std::optional<TraceStatus> find_cached(int trace);
  bool make_room();
  void set_due(Trace& trace, std::uint64_t due_ns);
  void decide(int trace);
  void end(int trace, TraceStatus status, const std::string& reason);
  void put(Cache& cache, std::size_t capacity, int trace, TraceStatus status);
  void follow(TraceStatus status, int span);
  void erase(int trace);
  static std::string reason_of(TraceStatus status) {
    return status == TraceStatus::kDropped ? "dropped_by_policy" : "not_sampled";
  }

  const TailSamplingSettings settings_;
  std::vector<Trace> traces_;  // in order of arrival
  Cache sampled_;
  Cache non_sampled_;
  std::vector<int> kept_;
  std::map<std::string, std::uint64_t> dropped_;
  std::uint64_t tick_;
  std::uint64_t order_ = 0;
};

}  // namespace kernspan::sampling
