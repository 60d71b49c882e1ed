#include "pipeline/extensions/pprof/symbols.h"

#include <cxxabi.h>
#include <elfutils/libdwfl.h>
#include <unistd.h>

#include <cstdlib>

namespace kernspan {
namespace {

// Symbol tables are enough; looking for debug information might even ask a server.
int find_no_debug_info(Dwfl_Module*, void**, const char*, Dwarf_Addr, const char*, const char*,
                       GElf_Word, char**) {
  return -1;
}

constexpr Dwfl_Callbacks kCallbacks = {.find_elf = dwfl_linux_proc_find_elf,
                                       .find_debuginfo = find_no_debug_info,
                                       .section_address = nullptr,
                                       .debuginfo_path = nullptr};

struct EndSession {
  void operator()(Dwfl* session) const { dwfl_end(session); }
};

}  // namespace

struct Symbols::Tables {
  std::unique_ptr<Dwfl, EndSession> session;
};

Symbols::Symbols() : tables_(std::make_unique<Tables>()) {
  tables_->session.reset(dwfl_begin(&kCallbacks));
  Dwfl* const session = tables_->session.get();
  if (session == nullptr || dwfl_linux_proc_report(session, getpid()) != 0 ||
      dwfl_report_end(session, nullptr, nullptr) != 0) {
    tables_->session.reset();
  }
}

Symbols::~Symbols() = default;

std::string Symbols::name_of(std::uint64_t address) const {
  if (tables_->session == nullptr) return "";
  Dwfl_Module* const module = dwfl_addrmodule(tables_->session.get(), address);
  const char* const name = module == nullptr ? nullptr : dwfl_module_addrname(module, address);
  if (name == nullptr) return "";
  int status = 0;
  char* const demangled = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string result = demangled == nullptr ? name : demangled;
  std::free(demangled);  // NOLINT: __cxa_demangle allocates with malloc
  return result;
}

}  // namespace kernspan
