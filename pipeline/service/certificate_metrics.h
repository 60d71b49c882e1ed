#pragma once

#include "pipeline/base/metrics.h"
#include "pipeline/service/settings.h"

namespace kernspan {

// When certificates end that components show their peers, as Unix time:
// kernspan_tls_certificate_expiration_timestamp_seconds{component, file}, of the first certificate in
// each `cert_file` of a component that a pipeline or service::extensions names. The files are read
// whenever somebody asks, so it is theirs: without a `reload_interval` a renewed one is not in use yet.
// What holds no certificate has no value, and its component says so in the log.
[[nodiscard]] Metrics::Registration add_certificate_metrics(Metrics& metrics,
                                                            const ServiceSettings& settings);

}  // namespace kernspan
