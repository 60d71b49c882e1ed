#include "agent/conn/exchange.h"

#include "pipeline/base/prefetch.h"

namespace kernspan {

void Exchange::reset() {
  Exchange fresh;
  // Strings are cleared, not replaced: a pooled exchange allocates nothing once it is warm.
  fresh.method.swap(method);
  fresh.target.swap(target);
  fresh.host.swap(host);
  fresh.user_agent.swap(user_agent);
  fresh.trace_state.swap(trace_state);
  for (std::string* text :
       {&fresh.method, &fresh.target, &fresh.host, &fresh.user_agent, &fresh.trace_state}) {
    // One huge target must not be kept for ever.
    constexpr std::size_t kKeptCapacityBytes = 512;
    if (text->capacity() > kKeptCapacityBytes) std::string().swap(*text);
    text->clear();
  }
  fresh.stream_storage = std::move(stream_storage);
  fresh.pool = pool;
  *this = std::move(fresh);
}

void Exchange::capture(HeaderBudget& budget, bool of_response, const std::string& name,
                       std::string_view value) {
  if (!headers) headers = std::make_unique<CapturedHeaders>(budget);
  headers->add(of_response, name, value);
}

WireIdentity Exchange::wire_identity() const {
  const SocketAddress& client = role == Role::kClient ? local : remote;
  return {.client_ip = client.ip, .client_port = client.port, .request_seq = request_seq};
}

StreamFacts& Exchange::add_stream() {
  if (stream) return *stream;
  if (stream_storage) {
    *stream_storage = {};
  } else {
    stream_storage = std::make_unique<StreamFacts>();
  }
  stream = stream_storage.get();
  return *stream;
}

ExchangePtr::ExchangePtr(Exchange* exchange) : exchange_(exchange) {
  if (exchange_) ++exchange_->references;
}

ExchangePtr::ExchangePtr(const ExchangePtr& other) : ExchangePtr(other.exchange_) {}

void ExchangePtr::let_go() {
  // Chains of parents are bounded (LinkLimits::depth_max), so this recursion is.
  if (--exchange_->references == 0) exchange_->pool->release(exchange_);
}

ExchangePool::ExchangePool(std::size_t capacity) : capacity_(capacity) {}
ExchangePool::~ExchangePool() = default;

ExchangePtr ExchangePool::acquire() {
  if (in_use_ == capacity_) return {};
  if (!free_) {
    slabs_.push_back(std::make_unique<Exchange[]>(kSlabExchanges));
    for (std::size_t i = 0; i < kSlabExchanges; ++i) {
      Exchange& exchange = slabs_.back()[i];
      exchange.pool = this;
      exchange.next_free = std::exchange(free_, &exchange);
    }
  }
  Exchange* exchange = std::exchange(free_, free_->next_free);
  exchange->next_free = nullptr;
  // The one that is asked for next has been free for a while.
  if (free_) prefetch(*free_);
  ++in_use_;
  return ExchangePtr(exchange);
}

void ExchangePool::release(Exchange* exchange) {
  exchange->reset();
  exchange->next_free = std::exchange(free_, exchange);
  --in_use_;
}

}  // namespace kernspan
