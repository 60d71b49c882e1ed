#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string_view>

#include "pipeline/component/factory.h"

namespace kernspan {

// Type `debug`: writes what passes to the daemon's log. verbosity basic (a line per batch, the
// default), normal (and a line per span or data point) or detailed (everything).
ExporterFactory debug_exporter_factory();

enum class DebugVerbosity { kBasic, kNormal, kDetailed };

// Of the batches of one second: the first `initial` are written, then one in `thereafter` (0: none).
struct DebugSampling {
  std::uint32_t initial = 2;
  std::uint32_t thereafter = 1;
};

// Any thread; the sink is called with one line or a block of lines at a time, without the last line
// break.
class DebugExporter final : public Exporter {
 public:
  using Sink = std::function<void(std::string_view text)>;

  DebugExporter(const ComponentContext& context, DebugVerbosity verbosity, Sink sink,
                DebugSampling sampling = {});

  Status start() override { return {}; }
  void stop(std::chrono::steady_clock::time_point) override {}
  Status consume(otlp::Batch batch) override;

 private:
  bool is_sampled();
  void write_traces(const otlp::Batch& batch);
  void write_metrics(const otlp::Batch& batch);

  const DebugVerbosity verbosity_;
  const DebugSampling sampling_;
  const Clock& clock_;
  const Sink sink_;
  StageBooks& books_;
  Counter* sent_spans_ = nullptr;  // null: not in a pipeline of these
  Counter* sent_points_ = nullptr;
  Counter& unreadable_spans_;
  std::mutex mutex_;  // guards the two below
  std::uint64_t second_ = 0;
  std::uint64_t batches_ = 0;  // in this second
};

}  // namespace kernspan
