// What selectors make of the tracer's processes and exchanges.
#include <utility>

#include "agent/receiver/tracer.h"

namespace kernspan {
namespace {

std::uint16_t server_port(const Exchange& exchange) {
  return exchange.role == Role::kServer ? exchange.local.port : exchange.remote.port;
}

}  // namespace

void Tracer::enrich_with(PodEnrichment& pods) {
  pods_ = &pods;
  selector_.find_pods([this](const process::ProcessInfo& process) { return pod_of(process); });
}

ProcessPod Tracer::pod_of(const process::ProcessInfo& process) {
  if (process.container.empty()) return {};
  const kube::PodMatch& match = pods_->context_of(process.container, now_ns_).match;
  return {.pod = match.pod,
          .container = match.container_info(),
          .is_pending = !match.pod && pods_->awaits(process.container, now_ns_)};
}

void Tracer::change_selectors(std::shared_ptr<const Selectors> selectors) {
  selector_.change(std::move(selectors));
  environment_.headers = selector_.selectors().captured();
  select_again();
}

void Tracer::pods_changed() {
  if (pods_) selected_generation_ = pods_->generation();
  selector_.forget();
  select_again();
}

void Tracer::select_again() {
  for (auto& [tgid, program] : programs_) {
    const bool traced = program.in_policy && selector_.captures(processes_.find(tgid));
    if (traced == program.traced) continue;
    program.traced = traced;
    ++counters_.reselected_processes;
    ignore_process_(tgid, !traced);
  }
}

// What is decided on an exchange depends on the pods of all that it hangs below.
bool Tracer::awaits_pods(const Exchange& exchange) {
  if (!pods_) return false;
  for (const Exchange* at = &exchange; at && !at->trace_id.is_valid(); at = at->parent.get()) {
    if (awaits_pod(processes_.find(at->tgid))) return true;
  }
  // Settled by what hangs below it, perhaps; its own resource waits all the same.
  return exchange.trace_id.is_valid() && awaits_pod(processes_.find(exchange.tgid));
}

// Decides on the exchange and on all that its place in the trace depends on; what is settled stays.
void Tracer::judge(Exchange& exchange) {
  if (selector_.is_trivial()) return;
  for (Exchange* at = &exchange; at && !at->trace_id.is_valid(); at = at->parent.get()) {
    const Verdict verdict = selector_.judge(processes_.find(at->tgid), server_port(*at));
    at->is_ignored = !verdict.is_traced;
    at->sampling_rejected = verdict.sampling.rejected;
  }
}

SpanContext Tracer::context_of(const Exchange& exchange, const process::ProcessInfo& process) {
  std::string_view service = process.service_name;
  // Many pods run the same program.
  if (pods_) {
    const kube::PodPtr& pod = resource_of(process).pod.match.pod;
    if (pod && !pod->top_owner.name.empty()) service = pod->top_owner.name;
  }
  return {.options = selector_.options(process, server_port(exchange)),
          .service = service,
          .peer = peers_ ? peers_->of(exchange.remote) : nullptr};
}

}  // namespace kernspan
