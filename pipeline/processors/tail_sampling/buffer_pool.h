#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "pipeline/otlp/batch.h"

namespace kernspan::sampling {

// Large buffers, next to each other in regions of their own, that are used again. Requests are
// freed at the pace at which new ones come, by another thread: the C library would give their pages
// back to the kernel and get them again, zeroed one by one, which was a third of the gateway's CPU.
// Any thread.
class BufferPool : public std::enable_shared_from_this<BufferPool> {
 public:
  static constexpr std::size_t kSmallest = 64 << 10;
  static constexpr std::size_t kRegionBytes = 32 << 20;

  // How many bytes that nobody uses are kept: a sixteenth of those in use, within these. What is taken
  // and given back varies with the load, and what went to the kernel in a lull comes back page by page.
  struct IdleBounds {
    std::size_t always = 0;
    std::size_t never_more = 0;
  };

  explicit BufferPool(const IdleBounds& idle) : idle_(idle) {}
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // The batch's bytes, at least kSmallest, in one piece, which keeps the pool alive.
  otlp::Slice copy(const otlp::Batch& batch);

  // Of memory that is there and in no buffer: at most.
  std::size_t idle_bytes() const;
  // Of address space.
  std::size_t mapped_bytes() const;

 private:
  // What is free between two buffers. Where `touched_bytes` of it lie is not known.
  struct Gap {
    std::size_t size = 0;
    std::size_t touched_bytes = 0;  // at most: the rest takes no memory
  };
  struct Region {
    std::size_t size = 0;
    std::size_t used_bytes = 0;
  };
  using Gaps = std::map<char*, Gap>;
  using Regions = std::map<char*, Region>;
  using BySize = std::set<std::pair<std::size_t, char*>>;

  // Whether the next region is to have huge pages: one clears in a tenth of the time that its small
  // ones take, one by one, unless the kernel has to move others out of the way for it, or a
  // hypervisor has taken the memory back; then it takes ten times as long. Each region's first one
  // tells. When it was late the next regions, twice as many each time, have small pages.
  class HugePages {
   public:
    bool are_due();
    void note(bool is_late);

   private:
    static constexpr unsigned kMostPassedBy = 64;

    unsigned to_pass_by_ = 0;
    unsigned passed_by_ = 0;
  };

  char* take(std::size_t size);
  void give_back(char* buffer, std::size_t size);
  Regions::iterator region_of(char* buffer);
  char* map_region(std::size_t least_bytes);  // its begin, a gap of all of it
  void unmap(Regions::iterator region);
  std::size_t max_idle_bytes() const;
  BySize& by_size(const Gap& gap);
  void add_gap(char* begin, const Gap& gap);
  Gap remove_gap(Gaps::iterator gap);

  const IdleBounds idle_;
  mutable std::mutex mutex_;  // guards what follows
  Regions regions_;
  Gaps gaps_;               // no two of a region touch
  BySize touched_by_size_;  // gaps of which something is there, and the others
  BySize untouched_by_size_;
  std::size_t used_bytes_ = 0;
  std::size_t idle_bytes_ = 0;
  std::size_t mapped_bytes_ = 0;
  HugePages huge_pages_;
};

}  // namespace kernspan::sampling
