#include "pipeline/service/pipeline_components.h"

#include "pipeline/connectors/forward/forward_connector.h"
#include "pipeline/exporters/debug/debug_exporter.h"
#include "pipeline/exporters/file/file_exporter.h"
#include "pipeline/exporters/load_balancing/load_balancing_exporter.h"
#include "pipeline/exporters/otlp/otlp_exporter.h"
#include "pipeline/exporters/otlp_http/otlp_http_exporter.h"
#include "pipeline/exporters/prometheus/prometheus_exporter.h"
#include "pipeline/extensions/bearer_token_auth/bearer_token_auth.h"
#include "pipeline/extensions/file_storage/file_storage.h"
#include "pipeline/extensions/health_check/health_check.h"
#include "pipeline/extensions/pprof/pprof.h"
#include "pipeline/extensions/zpages/zpages.h"
#include "pipeline/processors/attributes/attributes_processor.h"
#include "pipeline/processors/batch/batch_processor.h"
#include "pipeline/processors/filter/filter_processor.h"
#include "pipeline/processors/group_by_trace/group_by_trace_processor.h"
#include "pipeline/processors/k8s_attributes/k8s_attributes_processor.h"
#include "pipeline/processors/memory_limiter/memory_limiter_processor.h"
#include "pipeline/processors/probabilistic_sampler/probabilistic_sampler_processor.h"
#include "pipeline/processors/resource/resource_processor.h"
#include "pipeline/processors/resource_detection/resource_detection_processor.h"
#include "pipeline/processors/span_dedup/span_dedup_processor.h"
#include "pipeline/processors/tail_sampling/tail_sampling_processor.h"
#include "pipeline/processors/transform/transform_processor.h"
#include "pipeline/receivers/otlp/otlp_factory.h"
#include "pipeline/receivers/zipkin/zipkin_receiver.h"

namespace kernspan {

// Adding a component: its folder, and a row here.
Registry pipeline_components() {
  return {
      .receivers =
          {
              otlp_receiver_factory(),
              zipkin_receiver_factory(),
          },
      .processors =
          {
              attributes_processor_factory(),
              batch_processor_factory(),
              filter_processor_factory(),
              group_by_trace_processor_factory(),
              k8s_attributes_processor_factory(),
              memory_limiter_processor_factory(),
              probabilistic_sampler_processor_factory(),
              resource_detection_processor_factory(),
              resource_processor_factory(),
              span_dedup_processor_factory(),
              tail_sampling_processor_factory(),
              transform_processor_factory(),
          },
      .exporters =
          {
              debug_exporter_factory(),
              file_exporter_factory(),
              load_balancing_exporter_factory(),
              otlp_exporter_factory(),
              otlp_http_exporter_factory(),
              prometheus_exporter_factory(),
          },
      .connectors =
          {
              forward_connector_factory(),
          },
      .extensions =
          {
              bearer_token_auth_extension_factory(),
              file_storage_extension_factory(),
              health_check_extension_factory(),
              pprof_extension_factory(),
              zpages_extension_factory(),
          },
  };
}

}  // namespace kernspan
