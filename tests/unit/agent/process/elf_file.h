// ELF-64 files with the sections that tell a Go program, and no code.
#pragma once

#include <elf.h>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace kernspan::process {

struct ElfSection {
  std::string name;
  std::string contents;
};

// The header, the sections' contents, the table of names, the section headers.
inline std::string elf_file(const std::vector<ElfSection>& sections) {
  std::string file(sizeof(Elf64_Ehdr), '\0');
  std::string names(1, '\0');
  std::vector<Elf64_Shdr> headers(1);
  const auto add = [&](std::string_view name, std::string_view contents) {
    Elf64_Shdr header{};
    header.sh_name = static_cast<Elf64_Word>(names.size());
    header.sh_offset = file.size();
    header.sh_size = contents.size();
    names += name;
    names += '\0';
    file += contents;
    headers.push_back(header);
  };
  for (const ElfSection& section : sections) add(section.name, section.contents);
  std::string all_names = names;
  all_names += ".shstrtab";
  all_names += '\0';
  add(".shstrtab", all_names);

  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_shoff = file.size();
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = static_cast<Elf64_Half>(headers.size());
  header.e_shstrndx = static_cast<Elf64_Half>(headers.size() - 1);
  file.append(reinterpret_cast<const char*>(headers.data()), headers.size() * sizeof(Elf64_Shdr));
  std::memcpy(file.data(), &header, sizeof header);
  return file;
}

// The contents of .go.buildinfo since Go 1.18.
inline std::string go_build_info_section(std::string_view version) {
  std::string contents = "\xff Go buildinf:";
  contents += '\x08';
  contents += '\x02';
  contents.resize(32, '\0');
  contents += static_cast<char>(version.size());
  contents += version;
  contents += '\x05';
  contents += "path\t";
  return contents;
}

}  // namespace kernspan::process
