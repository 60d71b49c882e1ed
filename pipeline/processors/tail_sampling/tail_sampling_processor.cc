#include "pipeline/processors/tail_sampling/tail_sampling_processor.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/component/config_reader.h"

namespace kernspan {
namespace {

Result<std::unique_ptr<Processor>> create(const ConfigNode& node, const ComponentContext& context,
                                          Consumer& next) {
  sampling::TailSamplingSettings settings;
  ConfigReader reader(node, context.warnings, context.path);
  sampling::read_tail_sampling_settings(reader, settings);
  std::vector<sampling::PolicySettings> policies = sampling::read_policies(reader);
  if (settings.strategy == sampling::Strategy::kSpanIngest) {
    if (const std::string_view stateful = sampling::first_stateful(policies); !stateful.empty()) {
      reader.error("sampling_strategy",
                   fmt::format("span-ingest looks at parts of traces, and the policy \"{}\" counts "
                               "traces: use trace-complete, or remove the policy",
                               stateful));
    }
  }
  ReplicaRing* const replicas = read_replicas(reader, context.extensions);
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return std::make_unique<sampling::TailSamplingProcessor>(context, settings, std::move(policies),
                                                           next, HostMemory("/"), replicas);
}

}  // namespace

ProcessorFactory tail_sampling_processor_factory() {
  return {.type = "tail_sampling", .create = create};
}

namespace sampling {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr std::uint64_t kMib = 1024 * 1024;
// A caller waits for room before it is sent away, as at `batch`.
constexpr milliseconds kMaxWait{500};
constexpr milliseconds kWaitStep{5};

// Upper half of the hash: the shard's own table takes the lower bits.
std::size_t shard_of(const TraceId& id, std::size_t shards) {
  return static_cast<std::size_t>((TraceIdHash{}(id) >> 32) * shards >> 32);
}

// What a batch will occupy while it is held.
std::uint64_t held_bytes_of(const otlp::Batch& batch) {
  return batch.byte_count() + batch.item_count() * (sizeof(otlp::IndexedSpan) + sizeof(SpanRun));
}

std::uint64_t seen_at(std::uint64_t now_ns, nanoseconds age) {
  return now_ns - std::min(now_ns, static_cast<std::uint64_t>(age.count()));
}

}  // namespace

TailSamplingProcessor::TailSamplingProcessor(const ComponentContext& context,
                                             const TailSamplingSettings& settings,
                                             std::vector<PolicySettings> policies, Consumer& next,
                                             HostMemory memory, ReplicaRing* replicas)
    : context_(context),
      path_(context.path),
      settings_(settings),
      policy_settings_(std::move(policies)),
      next_(next),
      clock_(context.clock),
      host_memory_(std::move(memory)),
      counters_(context),
      policy_counters_(policy_settings_, context.id, context.metrics),
      looked_at_(settings.num_shards),
      door_(context, replicas, *this) {}

TailSamplingProcessor::~TailSamplingProcessor() {
  stop(std::chrono::steady_clock::now());
}

Status TailSamplingProcessor::start() {
  std::uint64_t total_bytes = 0;
  if (settings_.memory_limit_mib == 0) {
    const Result<std::uint64_t> total = host_memory_.total_bytes();
    if (!total) return std::unexpected(total.error());
    total_bytes = *total;
  }
  memory_ = std::make_unique<HeldMemory>(settings_.memory_limit_bytes(total_bytes));
  counters_.publish_limits(context_, settings_, memory_->limit());
  log_info("{}: holds at most {} traces and {} MiB", path_, settings_.num_traces,
           memory_->limit() / kMib);
  const std::size_t count = settings_.num_shards;
  const bool is_ingest = settings_.strategy == Strategy::kSpanIngest;
  const auto facts = std::make_shared<SpanFacts>();
  facts_ = facts;
  for (std::size_t i = 0; i < count; ++i) {
    // Shared by the two functions of one thread.
    const auto policies = std::make_shared<Policies>(
        policy_settings_,
        PoliciesOptions{.sample_on_first_match = settings_.sample_on_first_match,
                        .shards = count,
                        .facts = facts},
        policy_counters_);
    auto decide = [policies, is_ingest](const TraceView& trace, std::uint64_t now_ns) {
      return is_ingest ? policies->decide_early(trace, now_ns)
                       : std::optional(policies->decide(trace, now_ns));
    };
    auto shard = std::make_unique<Shard>(
        settings_, count, std::move(decide), *memory_, counters_, clock_,
        Shard::Looks{.facts = facts, .at_spans = policies->looks_at_spans()});
    auto after_round = [this, policies, &held = *shard, &looked_at = looked_at_[i]] {
      policies->publish_counts();
      give_up_foreign(held, looked_at);
    };
    shards_.push_back(std::make_unique<ShardThread>(path_, std::move(shard), std::move(after_round),
                                                    *memory_, counters_, next_, clock_));
  }
  if (context_.span_questions != nullptr) {
    context_.span_questions->ask_for_index();
    facts->ask(*context_.span_questions);
  }
  for (const auto& shard : shards_) shard->start();
  door_.start();
  is_running_ = true;
  return {};
}

void TailSamplingProcessor::stop(std::chrono::steady_clock::time_point deadline) {
  is_running_ = false;
  // Producers have stopped; who is still on the way in leaves at the next look at is_running_.
  while (callers_ != 0) std::this_thread::sleep_for(kWaitStep);
  // The other half is for what is decided here.
  const auto now = std::chrono::steady_clock::now();
  door_.stop(now < deadline ? now + (deadline - now) / 2 : deadline);
  for (const auto& shard : shards_) shard->begin_stop(deadline);
  for (const auto& shard : shards_) shard->stop();
  shards_.clear();
}

Status TailSamplingProcessor::refusal(const char* reason) {
  return retryable(fmt::format("{}: {}", path_, reason));
}

Status TailSamplingProcessor::admit(otlp::Signal, std::size_t bytes) {
  if (!is_running_) return refusal("is not running");
  if (memory_->has_room_for(bytes)) return {};
  return refusal("holds as much as memory_limit allows");
}

bool TailSamplingProcessor::wait_for_room(std::uint64_t bytes) {
  const auto has_room = [&] {
    if (!memory_->has_room_for(bytes)) return false;
    for (const auto& shard : shards_) {
      if (!shard->has_room()) return false;
    }
    return true;
  };
  const auto end = std::chrono::steady_clock::now() + kMaxWait;
  while (is_running_) {
    if (has_room()) return true;
    if (std::chrono::steady_clock::now() >= end) return false;
    // Whichever it is that is full: rounds are short, and free both.
    const auto full = std::ranges::find_if(shards_, [](const auto& s) { return !s->has_room(); });
    if (full == shards_.end()) {
      std::this_thread::sleep_for(kWaitStep);
    } else {
      (*full)->wait_for_room(kWaitStep);
    }
  }
  return false;
}

Status TailSamplingProcessor::consume(otlp::Batch batch) {
  if (batch.empty()) return {};
  struct Caller {
    explicit Caller(std::atomic<std::uint64_t>& count) : callers(count) { ++callers; }
    ~Caller() { --callers; }
    std::atomic<std::uint64_t>& callers;
  } const caller(callers_);
  return door_.consume(std::move(batch));
}

// What was refused is in the door's books.
Status TailSamplingProcessor::room(const otlp::Batch& batch) {
  if (!is_running_) return refusal("is not running");
  const std::uint64_t bytes = held_bytes_of(batch);
  if (bytes > memory_->limit()) {
    return permanent(fmt::format("{}: a request of {} bytes is more than memory_limit allows",
                                 path_, batch.byte_count()));
  }
  if (wait_for_room(bytes)) return {};
  return refusal(is_running_ ? "is full: traces wait for their decision, or for the next component"
                             : "is not running");
}

void TailSamplingProcessor::keep(otlp::Batch spans, const TraceHolder::Arrival& arrival) {
  // Asked here, where the bytes have just been read, and by all callers side by side.
  const auto facts = std::make_shared<const std::vector<std::uint64_t>>(facts_->of(*spans.index()));
  HeldRequest* const request = HeldRequest::make(std::move(spans), next_sequence_++, *memory_);
  if (!arrival.ages.empty()) return hand_out_by_age(*request, arrival, facts);
  hand_out(*request, seen_at(clock_.monotonic_ns(), arrival.age), facts);
}

void TailSamplingProcessor::keep_decided(std::span<const DecidedTrace> decided) {
  std::vector<std::vector<DecidedTrace>> parts(shards_.size());
  for (const DecidedTrace& trace : decided) {
    if (trace.verdict > static_cast<std::uint8_t>(TraceStatus::kDropped)) continue;
    parts[shard_of(trace.trace_id, parts.size())].push_back(trace);
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].empty()) continue;
    shards_[i]->post([traces = std::move(parts[i])](Shard& shard) {
      for (const DecidedTrace& trace : traces) {
        shard.remember(trace.trace_id, {.status = static_cast<TraceStatus>(trace.verdict),
                                        .probability = std::bit_cast<double>(trace.detail)});
      }
    });
  }
}

void TailSamplingProcessor::look_at_ring() {
  for (const auto& shard : shards_) shard->post([](Shard&) {});  // the round does it
}

std::uint64_t TailSamplingProcessor::looked_at() const {
  std::uint64_t least = door_.generation();
  for (const auto& looked_at : looked_at_) least = std::min(least, looked_at.load());
  return least;
}

// In the shard's thread.
void TailSamplingProcessor::give_up_foreign(Shard& shard, std::atomic<std::uint64_t>& looked_at) {
  const std::uint64_t generation = door_.generation();
  if (looked_at == generation || !door_.has_replicas()) return;
  shard.follow_ring(door_.ownership(), door_.alone_decisions());
  if (shard.give_up_foreign([this](HandOff& hand_off) { return door_.hand_over(hand_off); })) {
    looked_at = generation;
  }
}

// The request may be gone as soon as its last part has been pushed.
void TailSamplingProcessor::hand_out(HeldRequest& request, std::uint64_t first_seen_ns,
                                     const Facts& facts) {
  if (shards_.size() == 1) {
    return shards_.front()->push(
        {.request = &request, .first_seen_ns = first_seen_ns, .facts = facts});
  }
  std::vector<std::vector<std::uint32_t>> parts(shards_.size());
  const std::span<const otlp::IndexedSpan> spans = request.index().spans();
  for (std::uint32_t i = 0; i < spans.size(); ++i) {
    parts[shard_of(spans[i].trace_id, parts.size())].push_back(i);
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].empty()) continue;
    shards_[i]->push({.request = &request,
                      .spans = std::move(parts[i]),
                      .first_seen_ns = first_seen_ns,
                      .facts = facts});
  }
}

// What another replica has held: each trace with its own age.
void TailSamplingProcessor::hand_out_by_age(HeldRequest& request,
                                            const TraceHolder::Arrival& arrival,
                                            const Facts& facts) {
  const std::uint64_t now = clock_.monotonic_ns();
  std::map<TraceId, std::uint64_t> first_seen;
  for (const TraceAge& age : arrival.ages) first_seen[age.trace_id] = seen_at(now, age.age);
  std::map<std::pair<std::size_t, std::uint64_t>, std::vector<std::uint32_t>> parts;
  const std::span<const otlp::IndexedSpan> spans = request.index().spans();
  for (std::uint32_t i = 0; i < spans.size(); ++i) {
    const TraceId& id = spans[i].trace_id;
    const auto known = first_seen.find(id);
    const std::uint64_t seen =
        known == first_seen.end() ? seen_at(now, arrival.age) : known->second;
    parts[{shard_of(id, shards_.size()), seen}].push_back(i);
  }
  for (auto& [key, part] : parts) {
    shards_[key.first]->push({.request = &request,
                              .spans = std::move(part),
                              .first_seen_ns = key.second,
                              .facts = facts});
  }
}

}  // namespace sampling
}  // namespace kernspan
