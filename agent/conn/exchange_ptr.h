// Exchanges are pooled and shared by the few places that may still speak of one: its connection,
// the contexts that worked on it, the wire index, its children, the queue of finished spans. All of
// them run on the tracer's thread, so the count needs no atomics; that is why this is not
// shared_ptr.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace kernspan {

struct Exchange;
class ExchangePool;

class ExchangePtr {
 public:
  ExchangePtr() = default;
  explicit ExchangePtr(Exchange* exchange);
  ExchangePtr(const ExchangePtr& other);
  ExchangePtr(ExchangePtr&& other) noexcept : exchange_(std::exchange(other.exchange_, nullptr)) {}
  ExchangePtr& operator=(ExchangePtr other) noexcept {
    std::swap(exchange_, other.exchange_);
    return *this;
  }
  ~ExchangePtr() {
    if (exchange_) let_go();
  }

  Exchange* get() const { return exchange_; }
  Exchange* operator->() const { return exchange_; }
  Exchange& operator*() const { return *exchange_; }
  explicit operator bool() const { return exchange_ != nullptr; }
  bool operator==(const ExchangePtr&) const = default;

 private:
  void let_go();

  Exchange* exchange_ = nullptr;
};

// Must outlive every ExchangePtr that came from it. Not thread-safe.
class ExchangePool {
 public:
  explicit ExchangePool(std::size_t capacity);
  ~ExchangePool();
  ExchangePool(const ExchangePool&) = delete;
  ExchangePool& operator=(const ExchangePool&) = delete;

  // Null when `capacity` exchanges are in use.
  ExchangePtr acquire();
  std::size_t in_use() const { return in_use_; }

 private:
  friend class ExchangePtr;
  void release(Exchange* exchange);

  static constexpr std::size_t kSlabExchanges = 256;
  std::size_t capacity_;
  std::size_t in_use_ = 0;
  std::vector<std::unique_ptr<Exchange[]>> slabs_;
  Exchange* free_ = nullptr;
};

}  // namespace kernspan
