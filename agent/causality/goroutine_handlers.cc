#include "agent/causality/goroutine_handlers.h"

namespace kernspan {

const GoroutineHandlers::Handler* GoroutineHandlers::find(std::uint32_t tgid,
                                                          std::uint64_t goroutine_id) const {
  if (goroutine_id == 0) return nullptr;
  const auto found = handlers_.find({.tgid = tgid, .id = goroutine_id});
  return found == handlers_.end() ? nullptr : &found->second;
}

void GoroutineHandlers::serves(const Caller& caller, Exchange& request) {
  const ContextKey key{.tgid = caller.key.tgid, .id = caller.goroutine_id};
  const auto [place, is_new] = handlers_.try_emplace(key);
  Handler& handler = place->second;
  if (is_new) {
    handler.age = ages_.insert(ages_.end(), key);
  } else {
    // The same is said twice where a function's beginning was run twice, as its stack had to grow.
    if (handler.request.get() == &request) return;
    reusing_.insert(key.tgid);
    ages_.splice(ages_.end(), ages_, handler.age);
  }
  handler.request = ExchangePtr(&request);
  request.handler = key.id;
  if (handlers_.size() <= handlers_max_) return;
  handlers_.erase(ages_.front());
  ages_.pop_front();
}

std::optional<ExchangePtr> GoroutineHandlers::request_of(const Caller& caller) const {
  if (const Handler* own = find(caller.key.tgid, caller.goroutine_id)) return own->request;
  if (reusing_.contains(caller.key.tgid)) return std::nullopt;
  const Handler* parent = find(caller.key.tgid, caller.parent_goroutine_id);
  return parent ? std::optional(parent->request) : std::nullopt;
}

void GoroutineHandlers::request_ended(const Exchange& request) {
  const auto found = handlers_.find({.tgid = request.tgid, .id = request.handler});
  if (found != handlers_.end() && found->second.request.get() == &request) {
    found->second.request = {};
  }
}

}  // namespace kernspan
