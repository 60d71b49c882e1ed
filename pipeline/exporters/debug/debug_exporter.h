#pragma once

#include <functional>
#include <string_view>

#include "pipeline/component/factory.h"

namespace kernspan {

// Type `debug`: writes what passes to the daemon's log. verbosity basic (a line per batch, the
// default), normal (and a line per span) or detailed (everything).
ExporterFactory debug_exporter_factory();

enum class DebugVerbosity { kBasic, kNormal, kDetailed };

// Any thread; the sink is called with one line or a block of lines at a time, without the last line
// break.
class DebugExporter final : public Exporter {
 public:
  using Sink = std::function<void(std::string_view text)>;

  DebugExporter(const ComponentContext& context, DebugVerbosity verbosity, Sink sink);

  Status start() override { return {}; }
  void stop(std::chrono::steady_clock::time_point) override {}
  Status consume(otlp::Batch batch) override;

 private:
  const DebugVerbosity verbosity_;
  const Sink sink_;
  StageBooks& books_;
  Counter& sent_spans_;
  Counter& unreadable_spans_;
};

}  // namespace kernspan
