// kernspan-federation: above the clusters, in front of the backends.
#include "federation/components.h"
#include "pipeline/service/service_main.h"

int main(int argc, char** argv) {
  return kernspan::run_daemon(
      argc, argv,
      {.name = "kernspan-federation",
       .description = "Takes the traces of all clusters and passes them to the backends",
       .registry = kernspan::federation_components(),
       .flags = {}});
}
