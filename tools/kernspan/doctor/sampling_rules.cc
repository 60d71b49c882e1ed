// Which traces are kept, and what holding them until that is known takes.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "pipeline/base/duration.h"
#include "tools/kernspan/doctor/rules.h"

namespace kernspan::doctor {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

// What a held trace takes: 10 spans of 1 to 5 KB each, in the collector.
constexpr double kSpansPerTrace = 10;
constexpr double kLeastSpanBytes = 1000;
constexpr double kMostSpanBytes = 5000;
constexpr double kWorthTelling = 1e9;
// Fewer new traces per second than this and it is a matter of days until they are too many.
constexpr double kFewTraces = 5000;

// A processor that holds traces for a while.
struct Holder {
  const ComponentView& component;
  std::uint64_t traces;
  nanoseconds wait;
};

std::vector<Holder> holders(const Subject& subject) {
  std::vector<Holder> found;
  for (const auto& [pipeline, index, component] : subject.processors("tail_sampling")) {
    found.push_back({component, count_at(component.node, {"num_traces"}, 50'000),
                     duration_at(component.node, {"decision_wait"}, seconds(30))});
  }
  for (const auto& [pipeline, index, component] : subject.processors("groupbytrace")) {
    found.push_back({component, count_at(component.node, {"num_traces"}, 1'000'000),
                     duration_at(component.node, {"wait_duration"}, seconds(1))});
  }
  return found;
}

const ConfigPosition& place_of_traces(const ComponentView& component) {
  const ConfigNode* traces = at(component.node, {"num_traces"});
  return traces == nullptr ? component.position : traces->position();
}

// string_attribute policies, also those within others.
void visit_string_policies(const ConfigNode& node, const auto& visit) {
  if (const ConfigNode* policy = node.find("string_attribute")) visit(*policy);
  for (const ConfigEntry& entry : node.entries()) visit_string_policies(entry.value, visit);
  for (const ConfigNode& item : node.items()) visit_string_policies(item, visit);
}

bool samples(const Subject& subject, const PipelineView& pipeline) {
  return subject.processor_in(pipeline, "tail_sampling") != nullptr ||
         subject.processor_in(pipeline, "probabilistic_sampler") != nullptr;
}

// The container's memory that spans may take, when it is known: a limit in MiB, or a share of what
// the command line says.
std::optional<double> memory_limit(const Subject& subject) {
  for (const ComponentView* limiter : subject.used("processors", "memory_limiter")) {
    const std::uint64_t mib = count_at(limiter->node, {"limit_mib"}, 0);
    if (mib > 0) return static_cast<double>(mib) * (1 << 20);
    const double percentage = number_at(limiter->node, {"limit_percentage"}, 100);
    const auto& memory = subject.circumstances().memory_bytes;
    if (memory) return static_cast<double>(*memory) * percentage / 100;
  }
  const auto& memory = subject.circumstances().memory_bytes;
  if (memory) return static_cast<double>(*memory);
  return std::nullopt;
}

}  // namespace

void find_policies_on_fields(const Subject& subject, Reporter& reporter) {
  struct Field {
    std::string_view key;
    std::string_view condition;
  };
  constexpr std::array kFields = {
      Field{"span.kind", "span.kind == SPAN_KIND_SERVER"},
      Field{"kind", "span.kind == SPAN_KIND_SERVER"},
      Field{"span.name", "span.name == \"...\""},
      Field{"name", "span.name == \"...\""},
      Field{"status", "span.status.code == STATUS_CODE_ERROR"},
      Field{"status.code", "span.status.code == STATUS_CODE_ERROR"},
      Field{"trace_id", "trace_id == TraceID(0x...)"},
  };
  for (const auto& [pipeline, index, sampler] : subject.processors("tail_sampling")) {
    visit_string_policies(*sampler.node, [&](const ConfigNode& policy) {
      const ConfigNode* key = policy.find("key");
      const auto field = std::ranges::find(kFields, text_at(&policy, {"key"}), &Field::key);
      if (key == nullptr || field == kFields.end()) return;
      reporter.add(key->position(),
                   fmt::format("{}: {} is a field of a span and no attribute: the policy matches "
                               "nothing (and if it did, it would keep nearly every trace)",
                               sampler.path(), field->key),
                   fmt::format("use type: ottl_condition with span: ['{}']", field->condition));
    });
  }
}

void find_double_waits(const Subject& subject, Reporter& reporter) {
  for (const PipelineView& pipeline : subject.pipelines()) {
    const ComponentView* group = subject.processor_in(pipeline, "groupbytrace");
    const ComponentView* sampler = subject.processor_in(pipeline, "tail_sampling");
    if (group == nullptr || sampler == nullptr) continue;
    const nanoseconds first = duration_at(group->node, {"wait_duration"}, seconds(1));
    const nanoseconds second = duration_at(sampler->node, {"decision_wait"}, seconds(30));
    reporter.add(group->position,
                 fmt::format("{}: {} holds each trace for {}, and then {} holds it for {}: {} in "
                             "all, in memory twice; the sampler needs no grouped traces",
                             pipeline.id, group->path(), format_duration(first), sampler->path(),
                             format_duration(second), format_duration(first + second)),
                 fmt::format("take {} out of the pipeline", group->id));
  }
}

void find_split_traces(const Subject& subject, Reporter& reporter) {
  const auto& replicas = subject.circumstances().replicas;
  if (replicas && *replicas <= 1) return;
  for (const Holder& holder : holders(subject)) {
    if (at(holder.component.node, {"replicas"}) != nullptr)
      continue;  // they hand each other theirs
    reporter.add(
        holder.component.position,
        fmt::format(
            "{}: decides by the spans that reach this process; with {} replicas behind one "
            "service the spans of a trace are spread over them, and errors and long "
            "traces go unseen",
            holder.component.path(),
            replicas ? format_count(static_cast<double>(*replicas)) : "more than one of its"),
        "run one replica, let the replicas hand each other what they do not own (the extension "
        "replicas), or have the tier before it send by trace id: load_balancing with routing_key: "
        "traceID");
  }
}

void find_metrics_of_samples(const Subject& subject, Reporter& reporter) {
  for (const PipelineView& pipeline : subject.pipelines()) {
    for (const IdView& id : pipeline.exporters) {
      const ComponentView* connector = subject.find("connectors", id.id);
      if (connector == nullptr || connector->type != "span_metrics") continue;
      const bool is_sampled = samples(subject, pipeline);
      reporter.add(is_sampled ? Severity::kWarning : Severity::kInfo, id.position,
                   is_sampled
                       ? fmt::format("{}: {} counts only the spans that sampling kept: rates are "
                                     "too low, and errors too frequent",
                                     pipeline.id, connector->path())
                       : fmt::format("{}: {} counts the spans that arrive: if a tier before this "
                                     "one samples, rates are too low, and errors too frequent",
                                     pipeline.id, connector->path()),
                   "count before sampling: put the connector into a pipeline without it, in the "
                   "first tier that samples");
    }
  }
}

void find_head_sampling(const Subject& subject, Reporter& reporter) {
  for (const auto& [pipeline, index, sampler] : subject.processors("probabilistic_sampler")) {
    const ConfigNode* node = at(sampler.node, {"sampling_percentage"});
    const double percentage = number_at(sampler.node, {"sampling_percentage"}, 100);
    if (percentage >= 100) continue;
    reporter.add(
        node == nullptr ? sampler.position : node->position(),
        fmt::format("{} in {}: {:g} % of the traces with errors are dropped before anything "
                    "looks at them",
                    sampler.path(), pipeline.id, 100 - percentage),
        "keep all here, and choose with tail_sampling where traces are whole");
  }
}

void find_trace_rates(const Subject& subject, Reporter& reporter) {
  for (const auto& [component, traces, wait] : holders(subject)) {
    const double wait_seconds = std::chrono::duration<double>(wait).count();
    if (wait_seconds <= 0) continue;
    const double rate = static_cast<double>(traces) / wait_seconds;
    const auto expected =
        static_cast<double>(count_at(component.node, {"expected_new_traces_per_sec"}, 0));
    if (rate > kFewTraces && rate > expected) continue;
    reporter.add(
        place_of_traces(component),
        fmt::format(
            "{}: {} traces for {} each are at most {} new traces per second; above "
            "that the oldest are let go undecided{}",
            component.path(), format_count(static_cast<double>(traces)), format_duration(wait),
            format_count(rate),
            rate < expected ? fmt::format(", and {} are expected", format_count(expected)) : ""),
        "set num_traces to twice the peak of new traces per second times the wait, and the "
        "memory to match");
  }
}

void find_trace_memory(const Subject& subject, Reporter& reporter) {
  const std::optional<double> limit = memory_limit(subject);
  for (const auto& [component, traces, wait] : holders(subject)) {
    const double spans = static_cast<double>(traces) * kSpansPerTrace;
    const double least = spans * kLeastSpanBytes;
    const double most = spans * kMostSpanBytes;
    if (most < kWorthTelling || (limit && most <= *limit)) continue;
    reporter.add(place_of_traces(component),
                 fmt::format("{}: {} traces of {:.0f} spans of 1 to 5 KB take {} to {}; {}",
                             component.path(), format_count(static_cast<double>(traces)),
                             kSpansPerTrace, format_bytes(least), format_bytes(most),
                             limit ? fmt::format("the memory limit is {}", format_bytes(*limit))
                                   : "what the container has is not known here: give --memory"),
                 "lower num_traces or the wait, or give the container as much and a half more");
  }
}

void find_batches_before_sampling(const Subject& subject, Reporter& reporter) {
  constexpr std::array<std::string_view, 4> kSelecting = {"tail_sampling", "groupbytrace",
                                                          "probabilistic_sampler", "filter"};
  for (const auto& [pipeline, index, batch] : subject.processors("batch")) {
    for (std::size_t i = index + 1; i < pipeline.processors.size(); ++i) {
      const ComponentView* later = subject.find("processors", pipeline.processors[i].id);
      if (later == nullptr || std::ranges::find(kSelecting, later->type) == kSelecting.end())
        continue;
      reporter.add(pipeline.processors[index].position,
                   fmt::format("{}: {} takes batches apart again", pipeline.id, later->path()),
                   fmt::format("put {} last", batch.id));
      break;
    }
  }
}

}  // namespace kernspan::doctor
