// What the engine does with a request of 8,192 spans, without a network: bytes and spans per second
// of one thread. tests/bench/engine measures the whole program.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/otlp/json_writer.h"
#include "pipeline/otlp/request_check.h"
#include "pipeline/otlp/resource_edit.h"
#include "pipeline/otlp/span_edit.h"
#include "pipeline/otlp/span_filter.h"
#include "pipeline/otlp/span_index.h"
#include "pipeline/otlp/split.h"
#include "tests/bench/sample_spans.h"

namespace kernspan::otlp {
namespace {

constexpr std::size_t kSpans = 8192;

const Batch& request() {
  static const Batch batch = sample_request(kSpans);
  return batch;
}

template <typename Work>
void measure(benchmark::State& state, Work work) {
  const Batch& batch = request();
  for (auto _ : state) work(batch);
  const auto rounds = static_cast<std::int64_t>(state.iterations());
  state.SetBytesProcessed(rounds * static_cast<std::int64_t>(batch.byte_count()));
  state.SetItemsProcessed(rounds * static_cast<std::int64_t>(kSpans));
  state.counters["bytes_per_span"] = static_cast<double>(batch.byte_count()) / kSpans;
}

void check(benchmark::State& state) {
  measure(state, [](const Batch& batch) {
    const auto items = check_request(batch.slices()[0], Signal::kTraces);
    if (!items || *items != kSpans) std::abort();
  });
}

void index(benchmark::State& state) {
  measure(state, [](const Batch& batch) {
    if (SpanIndex(batch).size() != kSpans) std::abort();
  });
}

void check_and_index(benchmark::State& state) {
  measure(state, [](const Batch& batch) {
    const auto taken = Batch::from_wire(batch.slices()[0]);
    if (!taken || SpanIndex(*taken).size() != kSpans) std::abort();
  });
}

void upsert_resource(benchmark::State& state) {
  const std::string value = encode_value("eu-central-1");
  measure(state, [&](const Batch& batch) {
    const Batch edited = edit_resources(
        batch.clone(), [&](AttributeEditor& resource) { resource.upsert("cloud.region", value); });
    if (edited.byte_count() <= batch.byte_count()) std::abort();
  });
}

void upsert_span(benchmark::State& state) {
  const std::string value = encode_value("eu-central-1");
  measure(state, [&](const Batch& batch) {
    const Batch edited = edit_spans(
        batch.clone(), [&](SpanEditor& span) { span.attributes().upsert("cloud.region", value); });
    if (edited.byte_count() <= batch.byte_count()) std::abort();
  });
}

void filter_every_second_trace(benchmark::State& state) {
  measure(state, [](const Batch& batch) {
    const Batch kept = filter_spans(
        batch.clone(), [](const SpanIndex&, std::size_t span) { return span / 10 % 2 == 0; });
    if (kept.empty()) std::abort();
  });
}

void find_attribute_in_each(benchmark::State& state) {
  const SpanIndex spans(request());
  measure(state, [&](const Batch&) {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < spans.size(); ++i) {
      sum += spans.find_attribute(i, "network.peer.port").as_int();
    }
    if (sum == 0) std::abort();
  });
}

void split_into_traces(benchmark::State& state) {
  measure(state, [](const Batch& batch) {
    if (split_by_trace(batch).size() != (kSpans + 9) / 10) std::abort();
  });
}

void split_to_one_mib(benchmark::State& state) {
  measure(state, [](const Batch& batch) {
    if (split_by_bytes(batch.clone(), 1 << 20).too_large != 0) std::abort();
  });
}

void encode(benchmark::State& state) {
  measure(state, [](const Batch& batch) {
    if (sample_request(kSpans).byte_count() != batch.byte_count()) std::abort();
  });
}

void write_json(benchmark::State& state) {
  std::string json;
  measure(state, [&](const Batch& batch) {
    json.clear();
    if (append_json(batch, json).items != kSpans) std::abort();
  });
}

void check_pieces_of_16_kib(benchmark::State& state) {
  constexpr std::size_t kPiece = 16 << 10;
  const Slice whole = request().slices()[0];
  std::vector<Slice> pieces;
  for (std::string_view rest = whole.view(); !rest.empty();
       rest.remove_prefix(std::min(rest.size(), kPiece))) {
    pieces.emplace_back(whole.owner(), rest.substr(0, kPiece));
  }
  measure(state, [&](const Batch&) {
    const auto checked = check_pieces(pieces, Signal::kTraces);
    if (!checked || checked->items != kSpans) std::abort();
  });
}

BENCHMARK(encode);
BENCHMARK(check);
BENCHMARK(check_pieces_of_16_kib);
BENCHMARK(index);
BENCHMARK(check_and_index);
BENCHMARK(upsert_resource);
BENCHMARK(upsert_span);
BENCHMARK(filter_every_second_trace);
BENCHMARK(find_attribute_in_each);
BENCHMARK(split_into_traces);
BENCHMARK(split_to_one_mib);
BENCHMARK(write_json);

}  // namespace
}  // namespace kernspan::otlp

BENCHMARK_MAIN();
