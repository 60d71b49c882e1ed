#include "pipeline/otlp/grpc_log.h"

#include <grpc/support/log.h>

#include "pipeline/base/log.h"

namespace kernspan::otlp {

void route_grpc_log() {
  gpr_set_log_function([](gpr_log_func_args* line) {
    if (line->severity == GPR_LOG_SEVERITY_ERROR) {
      KERNSPAN_LOG_LIMITED(kWarn, "gRPC: {}", line->message);
    } else {
      log_debug("gRPC: {}", line->message);
    }
  });
}

}  // namespace kernspan::otlp
