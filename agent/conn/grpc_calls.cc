#include "agent/conn/grpc_calls.h"

#include <utility>

namespace kernspan {

void GrpcCalls::put(GrpcCall call) {
  const Key key{call.connection, call.stream};
  if (const auto place = places_.find(key); place != places_.end()) {
    calls_.erase(place->second);
    places_.erase(place);
  }
  if (calls_.size() >= calls_max_) drop_oldest();
  places_[key] = calls_.insert(calls_.end(), std::move(call));
}

std::optional<GrpcCall> GrpcCalls::take(std::uint64_t connection, std::uint32_t stream) {
  const auto place = places_.find({connection, stream});
  if (place == places_.end()) return std::nullopt;
  std::optional<GrpcCall> call(std::move(*place->second));
  calls_.erase(place->second);
  places_.erase(place);
  return call;
}

void GrpcCalls::expire(std::uint64_t before_ns) {
  while (!calls_.empty() && calls_.front().at_ns < before_ns) drop_oldest();
}

void GrpcCalls::drop_oldest() {
  ++unmatched_;
  places_.erase({calls_.front().connection, calls_.front().stream});
  calls_.pop_front();
}

}  // namespace kernspan
