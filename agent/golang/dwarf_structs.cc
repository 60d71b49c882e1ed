#include "agent/golang/dwarf_structs.h"

#include <dwarf.h>
#include <elf.h>
#include <elfutils/libdw.h>
#include <libelf.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace kernspan::golang {
namespace {

constexpr std::uint64_t kDebugBytesMax = 32 << 20;

struct ElfDeleter {
  void operator()(Elf* elf) const { elf_end(elf); }
};
struct DwarfDeleter {
  void operator()(Dwarf* dwarf) const { dwarf_end(dwarf); }
};

// Unpacked, of all sections of debug information: libdw unpacks them when it opens the file.
std::uint64_t debug_bytes(const ElfFile& file) {
  std::uint64_t bytes = 0;
  for (const ElfSection& section : file.sections()) {
    if (!section.name.starts_with(".debug_")) continue;
    std::uint64_t size = section.size;
    if (section.is_compressed) {
      ElfSection head = section;
      head.size = std::min<std::uint64_t>(head.size, sizeof(Elf64_Chdr));
      const auto header = file.contents(head, sizeof(Elf64_Chdr));
      if (!header || header->size() < sizeof(Elf64_Chdr)) return UINT64_MAX;
      Elf64_Chdr compression;
      std::memcpy(&compression, header->data(), sizeof compression);
      size = compression.ch_size;
    }
    if (size > kDebugBytesMax) return UINT64_MAX;
    bytes += size;
  }
  return bytes;
}

bool is_pointer(Dwarf_Die& member) {
  Dwarf_Attribute attribute;
  Dwarf_Die type;
  Dwarf_Die peeled;
  return dwarf_attr(&member, DW_AT_type, &attribute) != nullptr &&
         dwarf_formref_die(&attribute, &type) != nullptr && dwarf_peel_type(&type, &peeled) == 0 &&
         dwarf_tag(&peeled) == DW_TAG_pointer_type;
}

Fields fields_of(Dwarf_Die& structure) {
  Fields fields;
  Dwarf_Die member;
  for (int more = dwarf_child(&structure, &member); more == 0;
       more = dwarf_siblingof(&member, &member)) {
    if (dwarf_tag(&member) != DW_TAG_member) continue;
    const char* name = dwarf_diename(&member);
    Dwarf_Attribute attribute;
    Dwarf_Word offset = 0;
    if (!name || !dwarf_attr(&member, DW_AT_data_member_location, &attribute) ||
        dwarf_formudata(&attribute, &offset) != 0 || offset > UINT16_MAX) {
      continue;
    }
    fields[name] = {.offset = static_cast<std::uint32_t>(offset), .is_pointer = is_pointer(member)};
  }
  return fields;
}

}  // namespace

std::optional<Structs> read_structs(const ElfFile& file, std::span<const std::string_view> names) {
  if (!file.section(".debug_info") || debug_bytes(file) > kDebugBytesMax) return std::nullopt;
  if (elf_version(EV_CURRENT) == EV_NONE) return std::nullopt;
  // Not mapped: the file may be truncated meanwhile.
  const std::unique_ptr<Elf, ElfDeleter> elf(elf_begin(file.fd(), ELF_C_READ, nullptr));
  if (!elf) return std::nullopt;
  const std::unique_ptr<Dwarf, DwarfDeleter> dwarf(
      dwarf_begin_elf(elf.get(), DWARF_C_READ, nullptr));
  if (!dwarf) return std::nullopt;
  Structs found;
  Dwarf_CU* unit = nullptr;
  Dwarf_Die root;
  while (found.size() < names.size() &&
         dwarf_get_units(dwarf.get(), unit, &unit, nullptr, nullptr, &root, nullptr) == 0) {
    Dwarf_Die entry;
    for (int more = dwarf_child(&root, &entry); more == 0; more = dwarf_siblingof(&entry, &entry)) {
      if (dwarf_tag(&entry) != DW_TAG_structure_type) continue;
      const char* name = dwarf_diename(&entry);
      if (!name || std::ranges::find(names, std::string_view(name)) == names.end()) continue;
      found.emplace(name, fields_of(entry));
    }
  }
  return found;
}

}  // namespace kernspan::golang
