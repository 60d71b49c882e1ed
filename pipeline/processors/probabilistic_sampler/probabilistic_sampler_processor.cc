#include "pipeline/processors/probabilistic_sampler/probabilistic_sampler_processor.h"

#include <fmt/format.h>

#include <charconv>
#include <memory>
#include <string_view>

#include "pipeline/base/log.h"
#include "pipeline/component/config_reader.h"
#include "pipeline/otlp/span_edit.h"

namespace kernspan {
namespace {

Result<std::unique_ptr<Processor>> create(const ConfigNode& node, const ComponentContext& context,
                                          Consumer& next) {
  SamplerSettings settings;
  ConfigReader reader(node, context.warnings, context.path);
  double percentage = 0;
  reader.number("sampling_percentage", &percentage);
  reader.integer("hash_seed", &settings.hash_seed);
  // As upstream: a seed means that the hash is wanted.
  if (settings.hash_seed != 0) settings.mode = SamplerMode::kHashSeed;
  reader.choice("mode", &settings.mode,
                {{"proportional", SamplerMode::kProportional},
                 {"equalizing", SamplerMode::kEqualizing},
                 {"hash_seed", SamplerMode::kHashSeed}});
  reader.boolean("fail_closed", &settings.fail_closed);
  reader.integer("sampling_precision", &settings.precision);
  for (const char* key : {"attribute_source", "from_attribute", "sampling_priority"}) {
    reader.ignored(key, "it is for logs; spans are sampled by their trace id");
  }
  settings.percentage = static_cast<float>(percentage);
  if (percentage < 0) {
    reader.error("sampling_percentage",
                 fmt::format("sampling rate is negative: {:f}%", percentage));
  } else if (percentage > 0 && percentage / 100 < 1 / static_cast<double>(kThresholdEnd)) {
    reader.error("sampling_percentage", fmt::format("sampling rate is too small: {}%", percentage));
  }
  if (settings.precision == 0) {
    reader.error("sampling_precision", "invalid sampling precision: 0; use 1 to 14");
  } else if (settings.precision < 0 || settings.precision > kThresholdDigits) {
    reader.error("sampling_precision", fmt::format("sampling precision is too great, should be <= "
                                                   "14: {}",
                                                   settings.precision));
  }
  if (Sampler(settings).keeps_nothing()) {
    reader.warning("sampling_percentage",
                   "keeps nothing but spans with the attribute sampling.priority");
  }
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return std::make_unique<ProbabilisticSamplerProcessor>(context, settings, next);
}

SamplingPriority priority_of(double value) {
  if (value == 0) return SamplingPriority::kDrop;
  return value > 0 ? SamplingPriority::kKeep : SamplingPriority::kNone;
}

// OpenTracing's attribute, of whatever type the client library has chosen.
SamplingPriority priority_of(const otlp::SpanView& span) {
  const otlp::ValueView value = span.find("sampling.priority");
  switch (value.kind()) {
    case otlp::ValueKind::kInt:
      return priority_of(static_cast<double>(value.as_int()));
    case otlp::ValueKind::kDouble:
      return priority_of(value.as_double());
    case otlp::ValueKind::kString: {
      std::string_view text = value.as_string();
      if (text.starts_with('+')) text.remove_prefix(1);
      double number = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      const bool is_number = error == std::errc() && end == text.data() + text.size();
      return is_number ? priority_of(number) : SamplingPriority::kNone;
    }
    default:
      return SamplingPriority::kNone;
  }
}

}  // namespace

// Counted once the next component has taken what is left: a batch that it refuses comes again.
struct ProbabilisticSamplerProcessor::Tally {
  std::map<std::pair<const char*, bool>, std::uint64_t> by_policy;
  std::uint64_t kept = 0;
  std::uint64_t not_sampled = 0;
  std::uint64_t undecidable = 0;

  void add(const SamplingDecision& decision) {
    ++by_policy[{decision.policy, decision.keep}];
    if (decision.keep) {
      ++kept;
    } else if (decision.error != nullptr) {
      ++undecidable;
    } else {
      ++not_sampled;
    }
  }
};

ProbabilisticSamplerProcessor::ProbabilisticSamplerProcessor(const ComponentContext& context,
                                                             const SamplerSettings& settings,
                                                             Consumer& next)
    : id_(context.id),
      path_(context.path),
      sampler_(settings),
      next_(next),
      metrics_(context.metrics),
      books_(context.books),
      not_sampled_(books_.dropped("not_sampled")),
      undecidable_(books_.dropped("undecidable")) {}

Status ProbabilisticSamplerProcessor::consume(otlp::Batch batch) {
  const std::size_t spans = batch.item_count();
  Tally tally;
  otlp::Batch sampled = otlp::edit_spans(std::move(batch), [&](otlp::SpanEditor& editor) {
    const otlp::SpanView& span = editor.span();
    const SamplingDecision decision =
        sampler_.decide(span.trace_id, span.trace_state, priority_of(span));
    if (decision.error != nullptr) {
      KERNSPAN_LOG_LIMITED(kDebug, "{}: {}", path_, decision.error);
    }
    tally.add(decision);
    if (!decision.keep) return editor.drop();
    if (decision.trace_state) editor.set_trace_state(*decision.trace_state);
  });
  if (!sampled.empty()) {
    if (Status taken = next_.consume(std::move(sampled)); !taken) {
      books_.refuse(spans);
      return taken;
    }
  }
  books_.take(spans);
  books_.pass_on(tally.kept);
  not_sampled_.add(tally.not_sampled);
  undecidable_.add(tally.undecidable);
  count(tally);
  return {};
}

void ProbabilisticSamplerProcessor::count(const Tally& tally) {
  for (const auto& [policy, count] : tally.by_policy) {
    metrics_
        .counter("otelcol_processor_probabilistic_sampler_count_traces_sampled",
                 "Spans by what decided about them, and how.",
                 {{"processor", id_},
                  {"policy", policy.first},
                  {"sampled", policy.second ? "true" : "false"}})
        .add(count);
  }
}

ProcessorFactory probabilistic_sampler_processor_factory() {
  return {.type = "probabilistic_sampler", .create = create};
}

}  // namespace kernspan
