#include "agent/span/shed_mark.h"

#include <algorithm>
#include <cstring>

#include "agent/probes/abi.h"
#include "pipeline/processors/probabilistic_sampler/threshold.h"

namespace kernspan {
namespace {

std::uint64_t randomness_of(const SocketAddress& client) {
  ks_u32 words[4];
  static_assert(sizeof client.ip == sizeof words);
  std::memcpy(words, client.ip.data(), sizeof words);
  return ks_randomness(words, client.port);
}

bool has_ot_member(std::string_view trace_state) {
  return trace_state.starts_with("ot=") || trace_state.find(",ot=") != std::string_view::npos;
}

}  // namespace

double adjusted_count(const Exchange& exchange) {
  return static_cast<double>(1u << exchange.shed_step) /
         Threshold{exchange.sampling_rejected}.probability();
}

std::string shed_trace_state(const Exchange& exchange) {
  if (exchange.shed_step == 0) return {};
  std::string_view others = exchange.trace_state;
  std::string text;
  if (exchange.sampling_rejected != 0) {
    const std::uint64_t kept = (kThresholdEnd - exchange.sampling_rejected) >> exchange.shed_step;
    text = "ot=th:" + Threshold{kThresholdEnd - std::max<std::uint64_t>(kept, 1)}.digits();
    if (others.starts_with("ot=")) others.remove_prefix(std::min(others.find(','), others.size()));
    if (others.starts_with(',')) others.remove_prefix(1);
  } else {
    if (has_ot_member(others)) return {};
    const SocketAddress& client = exchange.role == Role::kClient ? exchange.local : exchange.remote;
    text = "ot=th:" + Threshold{ks_threshold(exchange.shed_step)}.digits() +
           ";rv:" + Randomness{randomness_of(client)}.digits();
  }
  if (!others.empty()) text.append(",").append(others);
  return text;
}

}  // namespace kernspan
