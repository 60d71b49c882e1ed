// The selectors applied to live processes: what is decided is kept until the rules, or the pods, have
// changed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "agent/kube/pod.h"
#include "agent/process/process_info.h"
#include "agent/select/selectors.h"

namespace kernspan {

// A process' pod, as far as it is known.
struct ProcessPod {
  kube::PodPtr pod = {};                       // null: none, or not known
  const kube::Container* container = nullptr;  // in `pod`; null: not known which
  bool is_pending = false;                     // it may yet become known
};

// What becomes of one exchange.
struct Verdict {
  bool is_traced = true;
  Threshold sampling;
};

// One thread.
class ProcessSelector {
 public:
  using FindPod = std::function<ProcessPod(const process::ProcessInfo&)>;

  // About 200 bytes each; beyond that all are decided anew.
  static constexpr std::size_t kSelectionsMax = 4096;

  // `selectors` is not null. Without `find_pod` no process is in a pod that is known.
  ProcessSelector(std::shared_ptr<const Selectors> selectors, FindPod find_pod);

  void change(std::shared_ptr<const Selectors> selectors);
  void find_pods(FindPod find_pod);
  // Pods have changed: labels, annotations, or which there are.
  void forget() { selections_.clear(); }

  // False: nothing of the process will be wanted, as far as is known. While its pod may yet become
  // known it is captured.
  bool captures(const process::ProcessInfo& process);
  // Now is when it counts: a pod that is not known by now is none.
  Verdict judge(const process::ProcessInfo& process, std::uint16_t server_port);
  const SpanOptions& options(const process::ProcessInfo& process, std::uint16_t server_port);

  const Selectors& selectors() const { return *selectors_; }
  // Everything is traced, and shown by the same options.
  bool is_trivial() const { return !find_pod_ && selectors_->rules().empty(); }

 private:
  const Selection& selection_of(const process::ProcessInfo& process);

  std::shared_ptr<const Selectors> selectors_;
  FindPod find_pod_;
  std::unordered_map<std::uint64_t, Selection> selections_;  // by ProcessInfo::revision
  Selection passing_;  // of a process whose pod may yet become known: nothing to keep
};

}  // namespace kernspan
