// A string whose memory comes from the system and goes back there at once: for answers of megabytes,
// each of which would leave a hole of its size in the heap.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>
#include <string>

namespace kernspan::kube {

template <typename T>
struct PageAllocator {
  using value_type = T;

  PageAllocator() = default;
  template <typename U>
  explicit(false) PageAllocator(const PageAllocator<U>& /*other*/) {}

  T* allocate(std::size_t count) {
    void* pages = mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) throw std::bad_alloc();
    return static_cast<T*>(pages);
  }
  void deallocate(T* pages, std::size_t count) { munmap(pages, count * sizeof(T)); }

  bool operator==(const PageAllocator&) const = default;
};

using PageString = std::basic_string<char, std::char_traits<char>, PageAllocator<char>>;

}  // namespace kernspan::kube
