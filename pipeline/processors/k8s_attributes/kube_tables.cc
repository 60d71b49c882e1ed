#include "pipeline/processors/k8s_attributes/kube_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/processors/k8s_attributes/pod_identity.h"

namespace kernspan {
namespace {

using nlohmann::json;

constexpr std::array<const char*, kObjectKinds> kKindNames = {
    "pod", "namespace", "node", "deployment", "statefulset", "daemonset", "job", "replicaset"};

std::string metadata_text(const json& object, const char* key) {
  const json::json_pointer path(std::string("/metadata/") + key);
  if (!object.is_object() || !object.contains(path) || !object.at(path).is_string()) return {};
  return object.at(path).get<std::string>();
}

MetricLabels with_kind(MetricLabels labels, const char* kind) {
  labels["kind"] = kind;
  return labels;
}

Counter& left_out_counter(Metrics& metrics, const MetricLabels& labels, const char* kind) {
  return metrics.counter("kernspan_k8s_objects_left_out",
                         "Objects that were not kept because there were too many.",
                         with_kind(labels, kind));
}

}  // namespace

TableCounters::TableCounters(Metrics& metrics, const MetricLabels& labels, std::string_view kind)
    : added(metrics.counter(fmt::format("otelcol_otelsvc_k8s_{}_added", kind),
                            "Objects that the Kubernetes API told of for the first time.", labels)),
      updated(metrics.counter(fmt::format("otelcol_otelsvc_k8s_{}_updated", kind),
                              "Changes of objects that the Kubernetes API told of.", labels)),
      deleted(metrics.counter(fmt::format("otelcol_otelsvc_k8s_{}_deleted", kind),
                              "Objects that are gone.", labels)) {}

PodTable::PodTable(const K8sAttributesSettings& settings, const Clock& clock, Metrics& metrics,
                   const MetricLabels& labels, std::size_t max_pods)
    : settings_(settings),
      clock_(clock),
      max_pods_(max_pods),
      counters_(metrics, labels, "pod"),
      misses_(metrics.counter("otelcol_otelsvc_k8s_ip_lookup_miss",
                              "Resources whose pod was not found.", labels)),
      left_out_(left_out_counter(metrics, labels, "pod")),
      size_(metrics.gauge("otelcol_otelsvc_k8s_pod_table_size",
                          "Ways to find a pod that are in the table.", labels)) {}

std::shared_ptr<const KubePod> PodTable::find(const std::string& identity) {
  const std::shared_lock lock(mutex_);
  const auto found = by_identity_.find(identity);
  if (found == by_identity_.end()) {
    misses_.add();
    return nullptr;
  }
  return found->second->is_ignored ? nullptr : found->second;
}

void PodTable::on_list_begin() {
  ++list_;
}

void PodTable::on_object(const json& object) {
  auto pod = std::make_shared<const KubePod>(read_pod(object, settings_));
  if (pod->uid.empty()) return;
  std::vector<std::string> identities = identities_of_pod(settings_.associations, *pod);
  const std::unique_lock lock(mutex_);
  forget_due();
  const auto [place, is_new] = pods_.try_emplace(pod->uid);
  if (is_new && pods_.size() > max_pods_) {
    pods_.erase(place);
    left_out_.add();
    KERNSPAN_LOG_LIMITED(
        kWarn, "k8s_attributes: more than {} pods; others are left out: set filter", max_pods_);
    return;
  }
  (is_new ? counters_.added : counters_.updated).add();
  Known& known = place->second;
  unlink(known);
  known = {.pod = pod, .identities = std::move(identities), .list = list_};
  for (const std::string& identity : known.identities) {
    std::shared_ptr<const KubePod>& owner = by_identity_[identity];
    // An address goes from pod to pod: whoever started later has it.
    if (owner == nullptr || owner->start_time <= pod->start_time) owner = pod;
  }
  size_.set(static_cast<double>(by_identity_.size()));
}

void PodTable::unlink(const Known& known) {
  for (const std::string& identity : known.identities) {
    const auto found = by_identity_.find(identity);
    if (found != by_identity_.end() && found->second == known.pod) by_identity_.erase(found);
  }
}

void PodTable::forget_later(const std::string& uid, Known& known) {
  if (known.gone_ns != 0) return;
  counters_.deleted.add();
  known.gone_ns = std::max<std::uint64_t>(clock_.monotonic_ns(), 1);
  gone_.emplace_back(known.gone_ns, uid);
}

void PodTable::forget_due() {
  const std::uint64_t now = clock_.monotonic_ns();
  constexpr auto kGraceNs = static_cast<std::uint64_t>(std::chrono::nanoseconds(kGrace).count());
  while (!gone_.empty() && gone_.front().first + kGraceNs <= now) {
    const auto [when, uid] = std::move(gone_.front());
    gone_.pop_front();
    const auto found = pods_.find(uid);
    if (found == pods_.end() || found->second.gone_ns != when) continue;  // it has come back
    unlink(found->second);
    pods_.erase(found);
  }
  size_.set(static_cast<double>(by_identity_.size()));
}

void PodTable::on_deleted(const json& object) {
  const std::unique_lock lock(mutex_);
  const auto found = pods_.find(metadata_text(object, "uid"));
  if (found != pods_.end()) forget_later(found->first, found->second);
  forget_due();
}

void PodTable::on_list_end() {
  const std::unique_lock lock(mutex_);
  for (auto& [uid, known] : pods_) {
    if (known.list != list_) forget_later(uid, known);
  }
  forget_due();
  is_synced_ = true;
}

ObjectTable::ObjectTable(ObjectKind kind, const K8sAttributesSettings& settings, Metrics& metrics,
                         const MetricLabels& labels)
    : kind_(kind),
      settings_(settings),
      counters_(metrics, labels, kKindNames[static_cast<std::size_t>(kind)]),
      left_out_(left_out_counter(metrics, labels, kKindNames[static_cast<std::size_t>(kind)])) {}

std::string ObjectTable::key_of(const json& object) const {
  const bool by_name = kind_ == ObjectKind::kNamespace || kind_ == ObjectKind::kNode;
  return metadata_text(object, by_name ? "name" : "uid");
}

std::shared_ptr<const KubeObject> ObjectTable::find(const std::string& key) {
  const std::shared_lock lock(mutex_);
  const auto found = objects_.find(key);
  return found == objects_.end() ? nullptr : found->second.object;
}

void ObjectTable::on_object(const json& object) {
  const std::string key = key_of(object);
  if (key.empty()) return;
  auto read = std::make_shared<const KubeObject>(read_object(object, kind_, settings_));
  const std::unique_lock lock(mutex_);
  const auto [place, is_new] = objects_.try_emplace(key);
  if (is_new && objects_.size() > kMaxObjects) {
    objects_.erase(place);
    left_out_.add();
    return;
  }
  (is_new ? counters_.added : counters_.updated).add();
  place->second = {.object = std::move(read), .list = list_};
}

void ObjectTable::on_deleted(const json& object) {
  const std::unique_lock lock(mutex_);
  if (objects_.erase(key_of(object)) != 0) counters_.deleted.add();
}

void ObjectTable::on_list_end() {
  const std::unique_lock lock(mutex_);
  const std::size_t gone =
      std::erase_if(objects_, [&](const auto& entry) { return entry.second.list != list_; });
  counters_.deleted.add(gone);
  is_synced_ = true;
}

}  // namespace kernspan
