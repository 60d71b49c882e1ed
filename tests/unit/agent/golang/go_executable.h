// Executables as Go's linker makes them, with no more than what the agent reads: functions, their table, and
// what they were built with.
#pragma once

#include <elf.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kernspan::golang {

inline constexpr std::string_view kNewStreamName =
    "google.golang.org/grpc/internal/transport.(*http2Client).NewStream";
inline constexpr std::string_view kHandleStreamName =
    "google.golang.org/grpc.(*Server).handleStream";
inline constexpr std::uint64_t kLoadAddress = 0x400000;

struct GoFunction {
  std::string name;
  std::string code;
};

struct GoExecutable {
  std::string go = "go1.19.8";
  std::string modules = "path\tshop\ndep\tgoogle.golang.org/grpc\tv1.33.3\th1:abc=\n";
  std::uint32_t table_magic = 0xfffffff0;
  // A position-independent program: the table's word is filled in by a relocation.
  bool is_relocated = false;
  std::vector<GoFunction> functions = {
      {"main.main", "\x90\xc3"},
      // xor eax, eax; ret; mov eax, 0xc3c3c3c3; ret
      {std::string(kNewStreamName), "\x31\xc0\xc3\xb8\xc3\xc3\xc3\xc3\xc3"},
      {std::string(kHandleStreamName), "\x90\xc3"}};

  std::string text() const {
    std::string bytes;
    for (const GoFunction& function : functions) bytes += function.code;
    return bytes;
  }

  std::string function_table(std::uint64_t text_address) const {
    std::string names;
    std::string rows;
    std::string structures;
    std::uint32_t entry = 0;
    const auto rows_bytes = static_cast<std::uint32_t>(functions.size() * 8 + 4);
    for (const GoFunction& function : functions) {
      add<std::uint32_t>(rows, entry);
      add<std::uint32_t>(rows, rows_bytes + static_cast<std::uint32_t>(structures.size()));
      add<std::uint32_t>(structures, entry);
      add<std::int32_t>(structures, static_cast<std::int32_t>(names.size()));
      names += function.name;
      names += '\0';
      entry += static_cast<std::uint32_t>(function.code.size());
    }
    add<std::uint32_t>(rows, entry);
    constexpr std::uint64_t kHeaderBytes = 8 + 8 * 8;
    std::string table;
    add<std::uint32_t>(table, table_magic);
    table += std::string("\0\0\1\x08", 4);
    for (const std::uint64_t word :
         {std::uint64_t{functions.size()}, std::uint64_t{0},
          is_relocated ? std::uint64_t{0} : text_address, kHeaderBytes, std::uint64_t{0},
          std::uint64_t{0}, std::uint64_t{0}, kHeaderBytes + names.size()}) {
      add<std::uint64_t>(table, word);
    }
    return table + names + rows + structures;
  }

  std::string build_info() const {
    std::string bytes = "\xff Go buildinf:";
    bytes += '\x08';
    bytes += '\x02';
    bytes.resize(32, '\0');
    const std::string marked = std::string(16, 'm') + modules + std::string(16, 'm');
    for (const std::string& text_of : {go, marked}) {
      for (std::size_t length = text_of.size();; length >>= 7) {
        const bool is_last = length < 0x80;
        bytes += static_cast<char>((length & 0x7f) | (is_last ? 0 : 0x80));
        if (is_last) break;
      }
      bytes += text_of;
    }
    return bytes;
  }

  // One segment with everything, the sections' contents, the table of names, the sections' headers.
  std::string file() const {
    std::string bytes(sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr), '\0');
    std::string names(1, '\0');
    std::vector<Elf64_Shdr> headers(1);
    const auto section = [&](std::string_view name, std::string_view contents) {
      Elf64_Shdr header{};
      header.sh_type = SHT_PROGBITS;
      header.sh_name = static_cast<Elf64_Word>(names.size());
      header.sh_offset = bytes.size();
      header.sh_addr = kLoadAddress + bytes.size();
      header.sh_size = contents.size();
      names += name;
      names += '\0';
      bytes += contents;
      headers.push_back(header);
      return header.sh_addr;
    };
    const std::uint64_t text_address = section(".text", text());
    const std::uint64_t table_address = section(".gopclntab", function_table(text_address));
    if (is_relocated) {
      Elf64_Rela relocation{};
      relocation.r_offset = table_address + 8 + 2 * 8;
      relocation.r_info = ELF64_R_INFO(0, R_X86_64_RELATIVE);
      relocation.r_addend = static_cast<Elf64_Sxword>(text_address);
      std::string contents;
      add(contents, relocation);
      section(".rela.dyn", contents);
    }
    section(".go.buildinfo", build_info());
    section(".shstrtab", std::string(names) + ".shstrtab" + '\0');

    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_machine = EM_X86_64;
    header.e_phoff = sizeof(Elf64_Ehdr);
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = 1;
    header.e_shoff = bytes.size();
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = static_cast<Elf64_Half>(headers.size());
    header.e_shstrndx = static_cast<Elf64_Half>(headers.size() - 1);
    Elf64_Phdr segment{};
    segment.p_type = PT_LOAD;
    segment.p_vaddr = kLoadAddress;
    segment.p_filesz = bytes.size();
    bytes.append(reinterpret_cast<const char*>(headers.data()),
                 headers.size() * sizeof(Elf64_Shdr));
    std::memcpy(bytes.data(), &header, sizeof header);
    std::memcpy(bytes.data() + sizeof header, &segment, sizeof segment);
    return bytes;
  }

 private:
  template <typename T>
  static void add(std::string& bytes, T value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
};

// These bytes as an open file without a name.
class OpenFile {
 public:
  explicit OpenFile(std::string_view bytes) : file_(std::tmpfile(), &std::fclose) {
    std::fwrite(bytes.data(), 1, bytes.size(), file_.get());
    std::fflush(file_.get());
  }
  int fd() const { return fileno(file_.get()); }

 private:
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

}  // namespace kernspan::golang
