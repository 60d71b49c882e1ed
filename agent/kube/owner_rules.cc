#include "agent/kube/owner_rules.h"

#include <algorithm>
#include <charconv>
#include <ctime>

namespace kernspan::kube {
namespace {

constexpr std::int64_t kSecondsPerMinute = 60;
constexpr std::int64_t kSecondsPerDay = 86400;
// A pod is made when its time has come, or later: by a retry, after a pause of the controller.
constexpr std::int64_t kEarliestSeconds = kSecondsPerDay;
constexpr std::int64_t kLatestSeconds = 366 * kSecondsPerDay;
constexpr std::size_t kMinutesDigits = 8;
constexpr std::size_t kSecondsDigits = 10;

std::string deployment_of(std::string_view replica_set, std::string_view hash) {
  if (hash.empty() || replica_set.size() < hash.size() + 2 || !replica_set.ends_with(hash)) {
    return {};
  }
  replica_set.remove_suffix(hash.size());
  if (!replica_set.ends_with('-')) return {};
  replica_set.remove_suffix(1);
  return std::string(replica_set);
}

std::string cron_job_of(std::string_view job, std::optional<std::int64_t> created_unix_s) {
  const std::size_t dash = job.rfind('-');
  if (dash == std::string_view::npos || dash == 0) return {};
  const std::string_view digits = job.substr(dash + 1);
  if (digits.size() != kMinutesDigits && digits.size() != kSecondsDigits) return {};
  std::int64_t scheduled = 0;
  const char* const end = digits.data() + digits.size();
  if (std::from_chars(digits.data(), end, scheduled).ptr != end || scheduled < 0) return {};
  if (digits.size() == kMinutesDigits) scheduled *= kSecondsPerMinute;
  if (created_unix_s && (scheduled > *created_unix_s + kEarliestSeconds ||
                         scheduled < *created_unix_s - kLatestSeconds)) {
    return {};
  }
  return std::string(job.substr(0, dash));
}

}  // namespace

Owner top_owner(const Owner& owner, std::string_view pod_template_hash,
                std::optional<std::int64_t> created_unix_s) {
  if (owner.kind == "ReplicaSet") {
    std::string name = deployment_of(owner.name, pod_template_hash);
    if (!name.empty()) return {.kind = "Deployment", .name = std::move(name)};
  } else if (owner.kind == "Job") {
    std::string name = cron_job_of(owner.name, created_unix_s);
    if (!name.empty()) return {.kind = "CronJob", .name = std::move(name)};
  }
  return owner;
}

std::optional<std::int64_t> unix_seconds(const std::string& rfc3339) {
  std::tm parts{};
  const char* end = strptime(rfc3339.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (end == nullptr || (*end != 'Z' && *end != '.')) return std::nullopt;
  return timegm(&parts);
}

}  // namespace kernspan::kube
