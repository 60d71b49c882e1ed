// The running pipelines: one instance per receiver, connector and exporter, whichever pipelines
// share it, and one per processor and pipeline.
//
//   receiver --> [fan-out] --> processor --> processor --> [fan-out] --> exporter
//                    \--> (another pipeline)                    \--> connector --> (a pipeline)
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/component/factory.h"
#include "pipeline/component/registry.h"
#include "pipeline/service/service_description.h"
#include "pipeline/service/settings.h"

namespace kernspan {

// Borrowed; all of it outlives the graph.
struct GraphContext {
  Metrics& metrics;
  Ledger& ledger;
  const Clock& clock;
};

// One thread.
class Graph {
 public:
  // Makes every configured component, used or not, so that each checks its settings, and connects
  // those that are used. Opens nothing. The error has one line per problem.
  static Result<std::unique_ptr<Graph>> build(const ServiceSettings& settings,
                                              const Registry& registry, GraphContext context);

  // Extensions, exporters, processors and connectors from last to first, receivers. When one fails, those
  // before it are stopped again.
  Status start();

  // The reverse. Receivers may use half of the time that is left, processors half of the rest, so
  // that a slow producer leaves the exporters time to drain. Idempotent.
  void stop(std::chrono::steady_clock::time_point deadline);

  ~Graph();

 private:
  friend class GraphBuilder;
  struct Part {
    std::string path;  // "exporters::otlp/backup"
    std::unique_ptr<Component> component;
    bool started = false;
  };

  Graph() = default;
  static Status start_all(std::vector<Part>& parts);
  static void stop_all(std::vector<Part>& parts, std::chrono::steady_clock::time_point deadline);

  // Declared, and so kept alive, in this order: what is below calls what is above. Each in the
  // order of its start.
  StageBooks no_books_{"extensions", "nothing"};  // data does not pass through extensions
  std::vector<Part> extensions_;
  std::vector<Extension*> extension_views_;  // the same objects
  Extensions extensions_by_id_;              // and again
  std::unique_ptr<ServiceDescription> description_;
  otlp::SpanQuestions span_questions_;
  std::vector<Part> exporters_;
  std::vector<std::unique_ptr<Consumer>> joints_;  // fan-outs and signal routers
  std::vector<Part> processors_;                   // and connectors
  std::vector<Part> receivers_;
  bool pipelines_are_ready_ = false;
};

}  // namespace kernspan
