// What a pod's controller is of. The kubelet names the ReplicaSet or the Job, never what made it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/kube/pod.h"

namespace kernspan::kube {

// ReplicaSet "web-5d9c7b8f6c" of a pod whose label pod-template-hash is "5d9c7b8f6c": Deployment
// "web"; without the label it is nobody's. Job "backup-28345670": CronJob "backup", when the number
// is a scheduled time (minutes since 1970, before Kubernetes 1.21 seconds) that fits the creation of
// the pod, so that "report-20240101" remains a Job. Any other owner is its own.
Owner top_owner(const Owner& owner, std::string_view pod_template_hash,
                std::optional<std::int64_t> created_unix_s);

// "2024-05-01T08:00:00Z", as Kubernetes writes times. None: it is not one.
std::optional<std::int64_t> unix_seconds(const std::string& rfc3339);

}  // namespace kernspan::kube
