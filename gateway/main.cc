// kernspan-gateway: one per cluster, between its agents and the federation tier.
#include "gateway/components.h"
#include "pipeline/service/service_main.h"

int main(int argc, char** argv) {
  return kernspan::run_daemon(argc, argv,
                              {.name = "kernspan-gateway",
                               .description = "Takes the traces of one cluster and passes them on",
                               .registry = kernspan::gateway_components(),
                               .flags = {},
                               .idle_heap_bytes = 32 << 20});
}
