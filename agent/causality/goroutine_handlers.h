// Which goroutine handles which incoming call, by the program's own word. Goroutines are known by their numbers,
// which are never used again: their addresses are, at once, while the answer of the call that the former
// one has handled may still wait to be sent.
//
// A call that a goroutine makes is for the request that it handles; so is one of a goroutine that it has started, unless the
// program lets goroutines handle one request after the other (grpc.NumStreamWorkers): what such a
// goroutine has started may belong to an earlier one.
//
// Used by one thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "agent/conn/caller.h"
#include "agent/conn/exchange.h"

namespace kernspan {

class GoroutineHandlers {
 public:
  // Handlers that are remembered, those that are over included; the oldest goes first. About 150 bytes
  // each.
  explicit GoroutineHandlers(std::size_t handlers_max = 16384) : handlers_max_(handlers_max) {}

  // The goroutine handles this request from now on, and no other.
  void serves(const Caller& caller, Exchange& request);
  // The open request that the goroutine works for; null: none, for sure. Nothing: not known.
  std::optional<ExchangePtr> request_of(const Caller& caller) const;

  void request_ended(const Exchange& request);
  void process_gone(std::uint32_t tgid) { reusing_.erase(tgid); }

  std::size_t size() const { return handlers_.size(); }

 private:
  struct KeyHash {
    std::size_t operator()(const ContextKey& key) const noexcept {
      return (key.id ^ (std::uint64_t{key.tgid} << 32)) * 0x9e3779b97f4a7c15u >> 7;
    }
  };
  struct Handler {
    ExchangePtr request;  // null: it is over
    std::list<ContextKey>::iterator age;
  };

  const Handler* find(std::uint32_t tgid, std::uint64_t goroutine_id) const;

  std::size_t handlers_max_;
  std::unordered_map<ContextKey, Handler, KeyHash> handlers_;  // by process and number
  std::list<ContextKey> ages_;                                 // front: the oldest
  std::unordered_set<std::uint32_t> reusing_;                  // processes
};

}  // namespace kernspan
