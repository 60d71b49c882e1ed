// What conditions and statements cost per span of 20 attributes, beside looking an attribute up and
// filtering without them.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "pipeline/otlp/span_filter.h"
#include "pipeline/otlp/span_index.h"
#include "pipeline/ottl/condition.h"
#include "pipeline/ottl/edit_records.h"
#include "tests/bench/sample_spans.h"

namespace kernspan::ottl {
namespace {

constexpr std::size_t kSpans = 8192;

const otlp::Batch& telemetry() {
  static const otlp::Batch batch = sample_request(kSpans);
  return batch;
}

void count_spans(benchmark::State& state) {
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kSpans));
}

void look_up(benchmark::State& state) {
  const otlp::SpanIndex index(telemetry());
  for (auto _ : state) {
    std::size_t found = 0;
    for (std::size_t i = 0; i < index.size(); ++i) {
      found += index.find_attribute(i, "http.route").as_string() == "/health" ? 1 : 0;
    }
    if (found != 0) std::abort();
  }
  count_spans(state);
}

// Conditions that hold for no span.
void test_condition(benchmark::State& state, const char* text) {
  const auto condition = SpanCondition::compile(text);
  if (!condition) return state.SkipWithError(condition.error().message.c_str());
  const otlp::SpanIndex index(telemetry());
  for (auto _ : state) {
    for (std::size_t i = 0; i < index.size(); ++i) {
      const Result<bool> holds = condition->test(index, i);
      if (!holds || *holds) std::abort();
    }
  }
  count_spans(state);
}

void filter_by_hand(benchmark::State& state) {
  for (auto _ : state) {
    const otlp::Batch kept =
        otlp::filter_spans(telemetry().clone(), [](const otlp::SpanIndex& index, std::size_t span) {
          for (const char* route : {"/health", "/ready", "/metrics"}) {
            if (index.find_attribute(span, "http.route").as_string() == route) return false;
          }
          return true;
        });
    if (kept.item_count() != kSpans) std::abort();
  }
  count_spans(state);
}

// As the filter processor does with the three conditions of a gateway.
void filter_by_conditions(benchmark::State& state) {
  std::vector<Condition> conditions;
  for (const char* route : {"/health", "/ready", "/metrics"}) {
    auto condition = Condition::compile(
        "attributes[\"http.route\"] == \"" + std::string(route) + "\"", Context::kSpan);
    if (!condition) return state.SkipWithError(condition.error().message.c_str());
    conditions.push_back(*std::move(condition));
  }
  for (auto _ : state) {
    auto kept = edit_records(telemetry().clone(), Context::kSpan, system_clock(),
                             [&](Evaluation& at) -> Result<bool> {
                               for (const Condition& condition : conditions) {
                                 const Result<bool> holds = condition.test(at);
                                 if (!holds || *holds) return false;
                               }
                               return true;
                             });
    if (!kept || kept->batch.item_count() != kSpans) std::abort();
  }
  count_spans(state);
}

void apply_statement(benchmark::State& state, const char* text) {
  const auto statement = Statement::compile(text, Context::kSpan);
  if (!statement) return state.SkipWithError(statement.error().message.c_str());
  for (auto _ : state) {
    auto edited = edit_records(telemetry().clone(), Context::kSpan, system_clock(),
                               [&](Evaluation& at) -> Result<bool> {
                                 const Result<bool> applied = statement->apply(at);
                                 if (!applied) std::abort();
                                 return true;
                               });
    if (!edited || edited->batch.byte_count() <= telemetry().byte_count()) std::abort();
  }
  count_spans(state);
}

BENCHMARK(look_up)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(test_condition, attribute, R"(attributes["http.route"] == "/health")")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(test_condition, three_attributes,
                  R"(attributes["http.route"] == "/health" or attributes["http.route"] == "/ready")"
                  R"( or attributes["http.route"] == "/metrics")")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(test_condition, name, R"(name == "GET /health")")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(test_condition, kind_and_status,
                  "kind == SPAN_KIND_CLIENT or status.code == STATUS_CODE_ERROR")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(test_condition, duration, "end_time_unix_nano - start_time_unix_nano < 1000")
    ->Unit(benchmark::kMillisecond);
BENCHMARK(filter_by_hand)->Unit(benchmark::kMillisecond);
BENCHMARK(filter_by_conditions)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(apply_statement, set_attribute, R"(set(attributes["cloud.region"], "eu"))")
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace kernspan::ottl

BENCHMARK_MAIN();
