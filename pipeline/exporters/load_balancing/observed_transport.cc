#include "pipeline/exporters/load_balancing/observed_transport.h"

#include <array>
#include <span>
#include <utility>

namespace kernspan {
namespace {

// The collector's default buckets, in milliseconds.
constexpr std::array<double, 15> kLatencyBounds = {0,   5,   10,   25,   50,   75,   100,  250,
                                                   500, 750, 1000, 2500, 5000, 7500, 10000};

MetricLabels with_success(MetricLabels labels, const char* success) {
  labels["success"] = success;
  return labels;
}

}  // namespace

ObservedTransport::ObservedTransport(std::unique_ptr<Transport> transport, const Clock& clock,
                                     Metrics& metrics, const MetricLabels& labels,
                                     std::atomic<bool>& is_failing)
    : transport_(std::move(transport)),
      clock_(clock),
      is_failing_(is_failing),
      latency_(metrics.histogram("otelcol_loadbalancer_backend_latency",
                                 "Milliseconds from a request to the backend's answer.",
                                 kLatencyBounds, labels)),
      successes_(metrics.counter("otelcol_loadbalancer_backend_outcome",
                                 "Requests that the backend took, and did not take.",
                                 with_success(labels, "true"))),
      failures_(metrics.counter("otelcol_loadbalancer_backend_outcome",
                                "Requests that the backend took, and did not take.",
                                with_success(labels, "false"))) {}

void ObservedTransport::send(const otlp::Batch& batch, std::chrono::nanoseconds timeout,
                             Done done) {
  const std::uint64_t began_ns = clock_.monotonic_ns();
  transport_->send(batch, timeout, [this, began_ns, done = std::move(done)](SendOutcome outcome) {
    const bool is_sent = outcome.kind == SendOutcome::Kind::kSent;
    latency_.observe(static_cast<double>(clock_.monotonic_ns() - began_ns) / 1e6);
    (is_sent ? successes_ : failures_).add();
    is_failing_ = outcome.kind == SendOutcome::Kind::kRetryable;
    done(std::move(outcome));
  });
}

}  // namespace kernspan
