#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_set>
#include <vector>

#include "pipeline/base/ids.h"
#include "pipeline/base/keyed_hash.h"
#include "pipeline/otlp/batch.h"

namespace kernspan {

// Which spans have gone by lately. Any thread.
class SeenSpans {
 public:
  struct Settings {
    std::uint64_t window_ns = 0;  // how long a span is remembered at least, while there is room
    std::size_t max_spans = 0;    // how many are remembered at most: of more, the oldest half goes
    bool by_kind = true;          // whether spans of two kinds are two spans, ids or not
  };

  struct Key {
    TraceId trace_id;
    SpanId span_id;
    std::uint8_t kind = 0;

    bool operator==(const Key&) const = default;
  };

  // The batch without the spans that were seen before, or that it holds twice.
  struct Filtered {
    otlp::Batch batch;
    std::size_t duplicates = 0;
    std::vector<Key> fresh;  // of the spans that are left
  };

  SeenSpans(const Settings& settings, KeyedIdHash hash);

  // The spans that are left count as seen. Spans without ids are never duplicates.
  Filtered filter(otlp::Batch batch, std::uint64_t now_ns);
  // They have not gone by after all: they may come again.
  void forget(const std::vector<Key>& keys);

  std::size_t size() const;

 private:
  struct KeyHash {
    KeyedIdHash hash;
    std::size_t operator()(const Key& key) const noexcept {
      return hash(key.trace_id, key.span_id) + key.kind;
    }
  };
  using Keys = std::unordered_set<Key, KeyHash>;

  void turn(std::uint64_t now_ns);

  const Settings settings_;
  mutable std::mutex mutex_;  // guards everything below
  // What came since begun_ns_, and what came before that: a generation goes as a whole.
  Keys young_;
  Keys old_;
  std::uint64_t begun_ns_ = 0;
};

}  // namespace kernspan
