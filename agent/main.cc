// kernspan-agent: one per node, privileged; turns what the kernel sees into spans.
#include <iostream>

#include "agent/components.h"
#include "agent/probes/capture.h"
#include "pipeline/service/service_main.h"

namespace {

// 0 when capturing works here.
int print_probe_report() {
  const kernspan::probes::ProbeReport report = kernspan::probes::Capture::probe({});
  std::cout << report.text();
  for (const auto& group : report.groups) {
    if (group.is_required && !group.chosen()) return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return kernspan::run_daemon(
      argc, argv,
      {.name = "kernspan-agent",
       .description = "Traces the programs of this node and passes their spans on",
       .registry = kernspan::agent_components(),
       .flags = {{.name = "--probe-report",
                  .description = "Say which kernel hooks are used here and why the others are not",
                  .run = print_probe_report}}});
}
