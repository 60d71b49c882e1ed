// What a program's gRPC library has said of streams that have not been seen on the wire yet: records of a
// call and of its HEADERS come in either order.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>

#include "agent/conn/caller.h"
#include "agent/conn/exchange.h"

namespace kernspan {

struct GrpcCall {
  std::uint64_t connection = 0;  // socket cookie
  std::uint32_t stream = 0;
  Role role = Role::kClient;
  std::uint64_t at_ns = 0;
  std::string method;       // the path; empty: not known
  Caller caller;            // who made the call, or handles it
  Attribution attribution;  // client: whom the caller was working for at that time
};

// Used by one thread only.
class GrpcCalls {
 public:
  // Of a call about 500 bytes. When it is full the oldest makes room: calls on connections that nobody can follow
  // (TLS) never find their stream.
  explicit GrpcCalls(std::size_t calls_max = 4096) : calls_max_(calls_max) {}

  // Replaces what was said of the same stream.
  void put(GrpcCall call);
  std::optional<GrpcCall> take(std::uint64_t connection, std::uint32_t stream);
  // Drops those that have waited since before this time.
  void expire(std::uint64_t before_ns);

  std::size_t size() const { return calls_.size(); }
  std::uint64_t unmatched() const { return unmatched_; }

 private:
  struct Key {
    std::uint64_t connection;
    std::uint32_t stream;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept {
      return (key.connection << 20 ^ key.stream) * 0x9e3779b97f4a7c15u >> 7;
    }
  };
  using Calls = std::list<GrpcCall>;

  void drop_oldest();

  std::size_t calls_max_;
  Calls calls_;  // front: the oldest
  std::unordered_map<Key, Calls::iterator, KeyHash> places_;
  std::uint64_t unmatched_ = 0;
};

}  // namespace kernspan
