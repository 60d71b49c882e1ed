#include "agent/span/shed_mark.h"

#include <fmt/format.h>

#include <cstring>

#include "agent/probes/abi.h"

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
  return static_cast<double>(1u << exchange.shed_step);
}

std::string shed_trace_state(const Exchange& exchange) {
  if (exchange.shed_step == 0 || has_ot_member(exchange.trace_state)) return {};
  // 14 digits, without the zeros at the end.
  std::string threshold = fmt::format("{:014x}", ks_threshold(exchange.shed_step));
  threshold.erase(threshold.find_last_not_of('0') + 1);
  const SocketAddress& client = exchange.role == Role::kClient ? exchange.local : exchange.remote;
  std::string text = fmt::format("ot=th:{};rv:{:014x}", threshold, randomness_of(client));
  if (!exchange.trace_state.empty()) text += ',' + exchange.trace_state;
  return text;
}

}  // namespace kernspan
