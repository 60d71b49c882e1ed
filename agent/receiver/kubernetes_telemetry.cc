#include "agent/receiver/kubernetes_telemetry.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace kernspan {
namespace {

constexpr std::size_t kStates = static_cast<std::size_t>(kube::KubeletState::kCount);

class FamilyWriter {
 public:
  FamilyWriter(const std::string& receiver, std::vector<MetricFamily>& families)
      : receiver_(receiver), families_(families) {}

  void begin(std::string name, std::string help) {
    families_.push_back({.name = std::move(name), .help = std::move(help), .samples = {}});
  }
  void outcome(std::string_view name, std::uint64_t count) {
    families_.back().samples.push_back(
        {.labels = {{"receiver", receiver_}, {"outcome", std::string(name)}},
         .value = static_cast<double>(count)});
  }
  void counter(std::string name, std::string help, std::uint64_t count) {
    begin(std::move(name), std::move(help));
    families_.back().samples.push_back(
        {.labels = {{"receiver", receiver_}}, .value = static_cast<double>(count)});
  }
  void gauge(std::string name, std::string help, double value) {
    families_.push_back({.name = std::move(name),
                         .help = std::move(help),
                         .type = MetricType::kGauge,
                         .samples = {{.labels = {{"receiver", receiver_}}, .value = value}}});
  }

 private:
  const std::string& receiver_;
  std::vector<MetricFamily>& families_;
};

void add_enrichment(const PodEnrichmentCounters& counters, FamilyWriter& out) {
  out.begin("kernspan_k8s_enrichment_spans",
            "Spans by what was known of their pod; of those without it, by the kubelet's state.");
  out.outcome("whole", counters.whole);
  out.outcome("partial", counters.partial);
  out.outcome("not_in_pod", counters.not_in_pod);
  for (std::size_t i = 0; i < kStates; ++i) {
    const std::string_view state = kube::to_string(static_cast<kube::KubeletState>(i));
    out.outcome(fmt::format("missing_{}", state), counters.missing[i]);
  }
  out.begin("kernspan_k8s_enrichment_waits", "Containers whose spans waited for the kubelet.");
  out.outcome("resolved", counters.waits_resolved);
  out.outcome("given_up", counters.waits_given_up);
  out.counter("kernspan_k8s_enrichment_evicted",
              "Containers whose pods were forgotten for room, and looked up again.",
              counters.containers_evicted);
}

void add_kubelet(const kube::KubeletClient::Snapshot& kubelet, std::uint64_t now_ns,
                 FamilyWriter& out) {
  const kube::KubeletCounters& counters = kubelet.counters;
  out.begin("kernspan_kubelet_requests", "Requests to the kubelet, by what came of them.");
  for (std::size_t i = 0; i < kStates; ++i) {
    out.outcome(kube::to_string(static_cast<kube::KubeletState>(i)), counters.requests[i]);
  }
  out.counter("kernspan_kubelet_requests_on_demand",
              "Requests to the kubelet because of a container that was not known.",
              counters.on_demand);
  out.counter("kernspan_kubelet_answers_unchanged",
              "Answers of the kubelet that equalled the one before.", counters.unchanged);
  out.counter("kernspan_kubelet_answer_bytes", "Bytes of the kubelet's answers.",
              counters.body_bytes);
  out.begin("kernspan_kubelet_pods", "Pods of the kubelet's lists, by what was done with them.");
  out.outcome("parsed", counters.lists.pods_parsed);
  out.outcome("unchanged", counters.lists.pods_unchanged);
  out.outcome("bad", counters.lists.pods_bad);
  out.outcome("left_out", counters.lists.pods_left_out);
  out.counter("kernspan_kubelet_fields_left_out", "Fields of pods that were beyond their bounds.",
              counters.lists.fields_left_out);
  out.gauge("kernspan_kubelet_up", "1 when the last request was answered with pods.",
            kubelet.state == kube::KubeletState::kReachable ? 1 : 0);
  const double age_s = kubelet.synced_ns == 0 || now_ns < kubelet.synced_ns
                           ? 0
                           : static_cast<double>(now_ns - kubelet.synced_ns) / 1e9;
  out.gauge("kernspan_kubelet_list_age_seconds",
            "Time since the kubelet last answered with pods; 0 when it never has.", age_s);
}

}  // namespace

void add_kubernetes_families(const KubernetesSnapshot& now, const std::string& receiver,
                             std::vector<MetricFamily>& families) {
  FamilyWriter out(receiver, families);
  add_enrichment(now.enrichment, out);
  add_kubelet(now.kubelet, now.now_ns, out);
  out.begin("kernspan_pod_directory_events", "What happened to the pods that are known.");
  for (const auto& [name, count] :
       {std::pair<std::string_view, std::uint64_t>{"added", now.directory.added},
        {"updated", now.directory.updated},
        {"deleted", now.directory.deleted},
        {"forgotten", now.directory.forgotten},
        {"evicted", now.directory.evicted},
        {"left_out", now.directory.left_out},
        {"ids_left_out", now.directory.ids_left_out},
        {"wanted", now.directory.wanted},
        {"wanted_limit", now.directory.wanted_limit}}) {
    out.outcome(name, count);
  }
  out.gauge("kernspan_pods_known", "Pods that are known, deleted ones included.",
            static_cast<double>(now.pods));
  out.gauge("kernspan_pods_limit", "Most pods that may be known.",
            static_cast<double>(now.pods_max));
  out.gauge("kernspan_pod_container_ids", "Containers that are known by their ids.",
            static_cast<double>(now.container_ids));
  out.gauge("kernspan_k8s_enrichment_containers", "Containers whose pods the tracer remembers.",
            static_cast<double>(now.containers_remembered));
}

}  // namespace kernspan
