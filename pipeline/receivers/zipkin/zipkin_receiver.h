// Type `zipkin`: spans as Zipkin's clients and service meshes send them, POST /api/v2/spans and
// /api/v1/spans as JSON.
#pragma once

#include "pipeline/component/factory.h"

namespace kernspan {

ReceiverFactory zipkin_receiver_factory();

}  // namespace kernspan
