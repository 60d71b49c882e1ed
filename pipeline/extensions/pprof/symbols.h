#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace kernspan {

// Names of this process's functions, from the symbol tables of the program and its libraries. One
// thread.
class Symbols {
 public:
  Symbols();
  ~Symbols();
  Symbols(const Symbols&) = delete;
  Symbols& operator=(const Symbols&) = delete;

  // The demangled name of the function that the address lies in; empty when it is not known.
  std::string name_of(std::uint64_t address) const;

 private:
  struct Tables;
  std::unique_ptr<Tables> tables_;
};

}  // namespace kernspan
