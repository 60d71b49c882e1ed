#include "pipeline/exporters/sender/send_counters.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace kernspan {

SendCountersBySignal::SendCountersBySignal(const ComponentContext& context) {
  for (const otlp::Signal signal : otlp::kAllSignals) {
    if (!context.signals.contains(signal)) continue;
    const auto counter = [&](std::string_view name, std::string_view help) {
      return &context.metrics.counter(fmt::format("{}_{}", name, items_of(signal)), help,
                                      {{"exporter", context.id}});
    };
    counters_[static_cast<std::size_t>(signal)] = {
        .sent = counter("otelcol_exporter_sent",
                        "Items in requests that the peer took, rejected ones among them included."),
        .send_failed = counter("otelcol_exporter_send_failed",
                               "Items dropped because sending failed for good."),
        .enqueue_failed = counter("otelcol_exporter_enqueue_failed",
                                  "Items refused because the sending queue was full."),
        .rejected = counter("kernspan_exporter_rejected",
                            "Items that the peer rejected in requests it took (partial success).")};
  }
}

}  // namespace kernspan
