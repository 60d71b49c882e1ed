#include "agent/conn/connection_table.h"

#include <utility>

#include "agent/conn/http1_connection.h"
#include "agent/conn/http2_connection.h"

namespace kernspan {
namespace {

// How long after its record a call's HEADERS may come by: what is queued behind flow control waits with its
// body, not with its head.
constexpr std::uint64_t kCallWaitNs = 1'000'000'000;

}  // namespace

ConnectionTable::ConnectionTable(ConnEnvironment& environment, std::size_t connections_max)
    : environment_(environment), connections_max_(connections_max) {}

ConnectionTable::Entry& ConnectionTable::find_or_add(std::uint64_t cookie, bool http2) {
  const auto [place, is_new] = connections_.try_emplace(cookie);
  Entry& entry = place->second;
  if (!is_new) {
    ages_.splice(ages_.end(), ages_, entry.age);
    if (http2 && !entry.connection->is_http2()) {
      ExchangePtr upgraded = entry.connection->leave_for_http2();
      entry.connection =
          std::make_unique<Http2Connection>(cookie, environment_, std::move(upgraded));
    }
    return entry;
  }
  if (http2) {
    entry.connection = std::make_unique<Http2Connection>(cookie, environment_, ExchangePtr());
  } else {
    entry.connection = std::make_unique<Http1Connection>(cookie, environment_);
  }
  entry.age = ages_.insert(ages_.end(), cookie);
  if (connections_.size() > connections_max_) {
    const auto oldest = connections_.find(ages_.front());
    ++environment_.counters.connections_evicted;
    oldest->second.connection->abandon("evicted", environment_.counters.partial_evicted);
    ages_.pop_front();
    connections_.erase(oldest);
  }
  return entry;
}

void ConnectionTable::on_transfer(const ks_transfer_event& event, std::string_view bytes,
                                  const Caller& caller) {
  const bool http2 = (event.flags & KS_HTTP2) != 0;
  find_or_add(event.socket_cookie, http2).connection->on_transfer(event, bytes, caller);
}

void ConnectionTable::on_close(const ks_close_event& event) {
  const auto found = connections_.find(event.socket_cookie);
  if (found == connections_.end()) return;
  found->second.connection->on_close(event);
  if (event.stage != KS_CLOSE_FINAL || found->second.connection->has_open_exchanges()) return;
  ages_.erase(found->second.age);
  connections_.erase(found);
}

void ConnectionTable::on_shed(std::uint64_t cookie) {
  const auto found = connections_.find(cookie);
  if (found == connections_.end()) return;
  found->second.connection->abandon("shed", environment_.counters.partial_shed);
  ages_.erase(found->second.age);
  connections_.erase(found);
}

void ConnectionTable::on_grpc_call(GrpcCall call) {
  const auto found = connections_.find(call.connection);
  if (found != connections_.end() && found->second.connection->on_grpc_call(call)) return;
  environment_.calls.put(std::move(call));
}

void ConnectionTable::expire(std::uint64_t now_ns, std::uint64_t timeout_ns) {
  if (now_ns > kCallWaitNs) environment_.calls.expire(now_ns - kCallWaitNs);
  environment_.counters.http2.calls_unmatched = environment_.calls.unmatched();
  std::erase_if(connections_, [&](const auto& item) {
    const Entry& entry = item.second;
    entry.connection->expire(now_ns, timeout_ns);
    if (!entry.connection->is_closed() || entry.connection->has_open_exchanges()) return false;
    ages_.erase(entry.age);
    return true;
  });
}

void ConnectionTable::abandon_all() {
  for (auto& [cookie, entry] : connections_) {
    entry.connection->abandon("shutdown", environment_.counters.partial_shutdown);
  }
}

}  // namespace kernspan
