#include "pipeline/service/graph.h"

#include <ranges>
#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/service/graph_builder.h"

namespace kernspan {

Result<std::unique_ptr<Graph>> Graph::build(const ServiceSettings& settings,
                                            const Registry& registry, GraphContext context) {
  return GraphBuilder(settings, registry, context).build();
}

Status Graph::start_all(std::vector<Part>& parts) {
  for (Part& part : parts) {
    if (Status started = part.component->start(); !started) {
      return permanent(part.path + ": " + started.error().message);
    }
    part.started = true;
  }
  return {};
}

Status Graph::start() {
  for (Extension* extension : extension_views_) {
    if (auto* observer = dynamic_cast<ServiceObserver*>(extension)) {
      observer->observe(*description_);
    }
  }
  for (std::vector<Part>* parts : {&extensions_, &exporters_, &processors_, &receivers_}) {
    if (Status started = start_all(*parts); !started) {
      stop(std::chrono::steady_clock::now());
      return started;
    }
  }
  for (Extension* extension : extension_views_) extension->pipelines_ready();
  pipelines_are_ready_ = true;
  return {};
}

void Graph::stop_all(std::vector<Part>& parts, std::chrono::steady_clock::time_point deadline) {
  for (Part& part : std::views::reverse(parts)) {
    if (!std::exchange(part.started, false)) continue;
    part.component->stop(deadline);
    if (std::chrono::steady_clock::now() > deadline + std::chrono::seconds(1)) {
      log_warn("{}: stopped later than it should have", part.path);
    }
  }
}

void Graph::stop(std::chrono::steady_clock::time_point deadline) {
  const auto half_of_the_rest = [deadline] {
    const auto now = std::chrono::steady_clock::now();
    return now < deadline ? now + (deadline - now) / 2 : deadline;
  };
  if (std::exchange(pipelines_are_ready_, false)) {
    for (Extension* extension : extension_views_) extension->pipelines_not_ready();
  }
  stop_all(receivers_, half_of_the_rest());
  stop_all(processors_, half_of_the_rest());
  stop_all(exporters_, deadline);
  stop_all(extensions_, deadline);
}

Graph::~Graph() {
  stop(std::chrono::steady_clock::now());
}

}  // namespace kernspan
