#include "pipeline/processors/tail_sampling/tail_sampling_processor.h"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
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
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return std::make_unique<sampling::TailSamplingProcessor>(context, settings, std::move(policies),
                                                           next);
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

// Requests are freed at the pace at which new ones come. The C library would give each back to the
// kernel, and get it again page by page: a third of the gateway's CPU. What it keeps instead is
// given back when a memory_limiter asks for it.
void keep_freed_memory() {
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
}

// Upper half of the hash: the shard's own table takes the lower bits.
std::size_t shard_of(const TraceId& id, std::size_t shards) {
  return static_cast<std::size_t>((TraceIdHash{}(id) >> 32) * shards >> 32);
}

// What a batch will occupy while it is held.
std::uint64_t held_bytes_of(const otlp::Batch& batch) {
  return batch.byte_count() + batch.item_count() * (sizeof(otlp::IndexedSpan) + sizeof(SpanNode));
}

}  // namespace

TailSamplingProcessor::TailSamplingProcessor(const ComponentContext& context,
                                             const TailSamplingSettings& settings,
                                             std::vector<PolicySettings> policies, Consumer& next,
                                             HostMemory memory)
    : context_(context),
      path_(context.path),
      settings_(settings),
      policy_settings_(std::move(policies)),
      next_(next),
      clock_(context.clock),
      host_memory_(std::move(memory)),
      counters_(context),
      policy_counters_(policy_settings_, context.id, context.metrics) {}

TailSamplingProcessor::~TailSamplingProcessor() {
  stop(std::chrono::steady_clock::now());
}

Status TailSamplingProcessor::start() {
  keep_freed_memory();
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
  for (std::size_t i = 0; i < count; ++i) {
    // Shared by the two functions of one thread.
    const auto policies = std::make_shared<Policies>(
        policy_settings_,
        PoliciesOptions{.sample_on_first_match = settings_.sample_on_first_match, .shards = count},
        policy_counters_);
    auto decide = [policies, is_ingest](const TraceView& trace, std::uint64_t now_ns) {
      return is_ingest ? policies->decide_early(trace, now_ns)
                       : std::optional(policies->decide(trace, now_ns));
    };
    auto shard =
        std::make_unique<Shard>(settings_, count, std::move(decide), *memory_, counters_, clock_);
    shards_.push_back(std::make_unique<ShardThread>(
        path_, std::move(shard), [policies] { policies->publish_counts(); }, *memory_, counters_,
        next_, clock_));
  }
  for (const auto& shard : shards_) shard->start();
  is_running_ = true;
  return {};
}

void TailSamplingProcessor::stop(std::chrono::steady_clock::time_point deadline) {
  is_running_ = false;
  // Producers have stopped; who is still on the way in leaves at the next look at is_running_.
  while (callers_ != 0) std::this_thread::sleep_for(kWaitStep);
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
  const std::size_t spans = batch.item_count();
  if (!is_running_) {
    counters_.books.refuse(spans);
    return refusal("is not running");
  }
  const std::uint64_t bytes = held_bytes_of(batch);
  if (bytes > memory_->limit()) {
    counters_.books.refuse(spans);
    return permanent(fmt::format("{}: a request of {} bytes is more than memory_limit allows",
                                 path_, batch.byte_count()));
  }
  if (!wait_for_room(bytes)) {
    counters_.books.refuse(spans);
    return refusal(is_running_
                       ? "is full: traces wait for their decision, or for the next component"
                       : "is not running");
  }
  HeldRequest* const request = HeldRequest::make(batch, next_sequence_++, *memory_);
  counters_.books.take(spans);
  counters_.books.hold(spans);
  hand_out(*request, clock_.monotonic_ns());
  return {};
}

// The request may be gone as soon as its last part has been pushed.
void TailSamplingProcessor::hand_out(HeldRequest& request, std::uint64_t first_seen_ns) {
  if (shards_.size() == 1) {
    return shards_.front()->push({.request = &request, .first_seen_ns = first_seen_ns});
  }
  std::vector<std::vector<std::uint32_t>> parts(shards_.size());
  const std::span<const otlp::IndexedSpan> spans = request.index().spans();
  for (std::uint32_t i = 0; i < spans.size(); ++i) {
    parts[shard_of(spans[i].trace_id, parts.size())].push_back(i);
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].empty()) continue;
    shards_[i]->push(
        {.request = &request, .spans = std::move(parts[i]), .first_seen_ns = first_seen_ns});
  }
}

}  // namespace sampling
}  // namespace kernspan
