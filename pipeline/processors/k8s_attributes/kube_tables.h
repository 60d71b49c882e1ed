// The pods and other objects that are known, filled by watches, read by everybody.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "pipeline/base/clock.h"
#include "pipeline/base/metrics.h"
#include "pipeline/kubernetes/list_watch.h"
#include "pipeline/processors/k8s_attributes/kube_objects.h"

namespace kernspan {

// What a table counts, by upstream's names: otelcol_otelsvc_k8s_<kind>_<added, updated, deleted>.
struct TableCounters {
  TableCounters(Metrics& metrics, const MetricLabels& labels, std::string_view kind);

  Counter& added;
  Counter& updated;
  Counter& deleted;
};

// One thread fills it, any may read.
class PodTable final : public kube::WatchHandler {
 public:
  // Kubernetes is made for clusters of up to 150,000 pods. Those beyond are left out, and counted.
  static constexpr std::size_t kMaxPods = 200'000;
  // Upstream's: spans of a pod may come after it has gone.
  static constexpr std::chrono::seconds kGrace{120};

  PodTable(const K8sAttributesSettings& settings, const Clock& clock, Metrics& metrics,
           const MetricLabels& labels, std::size_t max_pods = kMaxPods);

  // Null when there is none (a miss is counted), or it is one that is not to be known.
  std::shared_ptr<const KubePod> find(const std::string& identity);
  bool is_synced() const { return is_synced_; }

  void on_list_begin() override;
  void on_object(const nlohmann::json& pod) override;
  void on_deleted(const nlohmann::json& pod) override;
  void on_list_end() override;

 private:
  struct Known {
    std::shared_ptr<const KubePod> pod;
    std::vector<std::string> identities;
    std::uint64_t list = 0;     // the last one that it was in
    std::uint64_t gone_ns = 0;  // 0: it is there
  };

  void forget_later(const std::string& uid, Known& known);
  void forget_due();
  void unlink(const Known& known);

  const K8sAttributesSettings& settings_;
  const Clock& clock_;
  const std::size_t max_pods_;
  const TableCounters counters_;
  Counter& misses_;
  Counter& left_out_;
  Gauge& size_;

  std::shared_mutex mutex_;                      // guards the two below against readers
  std::unordered_map<std::string, Known> pods_;  // by uid
  std::unordered_map<std::string, std::shared_ptr<const KubePod>> by_identity_;
  std::deque<std::pair<std::uint64_t, std::string>> gone_;  // when, uid; in order
  std::uint64_t list_ = 0;
  std::atomic<bool> is_synced_ = false;
};

// One kind of the others.
class ObjectTable final : public kube::WatchHandler {
 public:
  static constexpr std::size_t kMaxObjects = 200'000;

  // Namespaces and nodes are found by name, the others by uid.
  ObjectTable(ObjectKind kind, const K8sAttributesSettings& settings, Metrics& metrics,
              const MetricLabels& labels);

  std::shared_ptr<const KubeObject> find(const std::string& key);
  bool is_synced() const { return is_synced_; }

  void on_list_begin() override { ++list_; }
  void on_object(const nlohmann::json& object) override;
  void on_deleted(const nlohmann::json& object) override;
  void on_list_end() override;

 private:
  struct Known {
    std::shared_ptr<const KubeObject> object;
    std::uint64_t list = 0;
  };

  std::string key_of(const nlohmann::json& object) const;

  const ObjectKind kind_;
  const K8sAttributesSettings& settings_;
  const TableCounters counters_;
  Counter& left_out_;
  std::shared_mutex mutex_;  // guards the objects against readers
  std::unordered_map<std::string, Known> objects_;
  std::uint64_t list_ = 0;
  std::atomic<bool> is_synced_ = false;
};

}  // namespace kernspan
