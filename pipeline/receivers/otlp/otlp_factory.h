// Type `otlp`: one receiver with OTLP over gRPC, over HTTP, or both.
#pragma once

#include "pipeline/component/factory.h"

namespace kernspan {

ReceiverFactory otlp_receiver_factory();

}  // namespace kernspan
