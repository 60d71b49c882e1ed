#include "agent/probes/event_source.h"

namespace kernspan::probes {
namespace {

constexpr std::string_view kNames[] = {
#define KERNSPAN_COUNTER_NAME(enumerator, name) name,
    KS_COUNTERS(KERNSPAN_COUNTER_NAME)
#undef KERNSPAN_COUNTER_NAME
};
static_assert(std::size(kNames) == KS_COUNTER_COUNT);

}  // namespace

std::string_view counter_name(ks_counter counter) {
  return counter < KS_COUNTER_COUNT ? kNames[counter] : "unknown";
}

}  // namespace kernspan::probes
