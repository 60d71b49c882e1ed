#include "agent/receiver/record_dispatch.h"

#include <numeric>
#include <variant>

namespace kernspan {

std::uint64_t DispatchCounters::read() const {
  return std::accumulate(malformed.begin(), malformed.end(), dispatched);
}

void RecordDispatch::on_record(std::string_view record) {
  const auto event = probes::decode_event(record);
  if (!event) {
    ++counters_.malformed[static_cast<std::size_t>(event.error())];
    return;
  }
  ++counters_.dispatched;
  std::visit([this](const auto& view) { dispatch(view); }, *event);
}

}  // namespace kernspan
