#include "agent/select/process_selector.h"

#include <utility>

namespace kernspan {
namespace {

SelectorSubject subject_of(const process::ProcessInfo& process, const ProcessPod& found) {
  return {.executable_name = process.executable_name,
          .executable_path = process.executable_path,
          .container = process.container,
          .pod = found.pod.get(),
          .pod_container = found.container,
          .is_pod_pending = found.is_pending};
}

}  // namespace

ProcessSelector::ProcessSelector(std::shared_ptr<const Selectors> selectors, FindPod find_pod)
    : selectors_(std::move(selectors)), find_pod_(std::move(find_pod)) {}

void ProcessSelector::change(std::shared_ptr<const Selectors> selectors) {
  selections_.clear();
  passing_ = {};
  selectors_ = std::move(selectors);
}

void ProcessSelector::find_pods(FindPod find_pod) {
  selections_.clear();
  find_pod_ = std::move(find_pod);
}

const Selection& ProcessSelector::selection_of(const process::ProcessInfo& process) {
  const auto known = selections_.find(process.revision);
  if (known != selections_.end()) return known->second;
  const ProcessPod found = find_pod_ ? find_pod_(process) : ProcessPod{};
  passing_ = selectors_->select(subject_of(process, found));
  if (found.is_pending) return passing_;
  if (selections_.size() >= kSelectionsMax) selections_.clear();
  return selections_.emplace(process.revision, passing_).first->second;
}

bool ProcessSelector::captures(const process::ProcessInfo& process) {
  return is_trivial() || !selection_of(process).ignores_all();
}

Verdict ProcessSelector::judge(const process::ProcessInfo& process, std::uint16_t server_port) {
  const Selection& selection = selection_of(process);
  return {.is_traced = selection.traces(server_port),
          .sampling = selection.rule_for(server_port).sampling};
}

const SpanOptions& ProcessSelector::options(const process::ProcessInfo& process,
                                            std::uint16_t server_port) {
  if (is_trivial()) return selectors_->default_options();
  return selection_of(process).rule_for(server_port).spans;
}

}  // namespace kernspan
