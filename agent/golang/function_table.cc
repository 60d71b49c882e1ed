#include "agent/golang/function_table.h"

#include <algorithm>
#include <cstring>

namespace kernspan::golang {
namespace {

// The largest Go programs seen have 30 MiB.
constexpr std::size_t kTableBytesMax = 64 << 20;
// A call stack of one function: none is nearly as large.
constexpr std::uint64_t kFunctionBytesMax = 1 << 20;

constexpr std::uint32_t kMagic118 = 0xfffffff0;
constexpr std::uint32_t kMagic120 = 0xfffffff1;
constexpr std::size_t kWordsAt = 8;
constexpr std::size_t kTextStartWord = 2;
constexpr std::size_t kNamesWord = 3;
constexpr std::size_t kFunctionsWord = 7;

class Table {
 public:
  explicit Table(std::string_view bytes) : bytes_(bytes) {}

  template <typename T>
  std::optional<T> at(std::uint64_t offset) const {
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }
  std::optional<std::uint64_t> word(std::size_t number) const {
    return at<std::uint64_t>(kWordsAt + number * sizeof(std::uint64_t));
  }
  bool has_name(std::uint64_t offset, std::string_view name) const {
    return offset < bytes_.size() && bytes_.substr(offset).starts_with(name) &&
           at<char>(offset + name.size()) == '\0';
  }
  bool is_readable() const {
    const auto magic = at<std::uint32_t>(0);
    return (magic == kMagic118 || magic == kMagic120) && at<std::uint16_t>(4) == 0 &&
           at<std::uint8_t>(7) == sizeof(std::uint64_t);
  }

 private:
  std::string_view bytes_;
};

// In a position-independent program the word is filled in when it is loaded.
std::optional<std::uint64_t> text_start(const ElfFile& file, const ElfSection& section,
                                        const Table& table) {
  const auto start = table.word(kTextStartWord);
  if (!start || *start != 0) return start;
  return file.relocated_word(section.address + kWordsAt + kTextStartWord * sizeof(std::uint64_t));
}

}  // namespace

std::optional<std::map<std::string, Function, std::less<>>> find_functions(
    const ElfFile& file, std::span<const std::string_view> names) {
  const ElfSection* section = file.section(".gopclntab");
  if (!section) section = file.section(".data.rel.ro.gopclntab");
  if (!section) return std::nullopt;
  const auto bytes = file.contents(*section, kTableBytesMax);
  if (!bytes) return std::nullopt;
  const Table table(*bytes);
  if (!table.is_readable()) return std::nullopt;
  const auto count = table.word(0);
  const auto names_at = table.word(kNamesWord);
  const auto functions_at = table.word(kFunctionsWord);
  const auto text = text_start(file, *section, table);
  if (!count || !names_at || !functions_at || !text || *count > bytes->size() ||
      *names_at > bytes->size() || *functions_at > bytes->size()) {
    return std::nullopt;
  }

  std::map<std::string, Function, std::less<>> found;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const std::uint64_t row = *functions_at + i * 2 * sizeof(std::uint32_t);
    const auto entry = table.at<std::uint32_t>(row);
    const auto function = table.at<std::uint32_t>(row + sizeof(std::uint32_t));
    const auto next = table.at<std::uint32_t>(row + 2 * sizeof(std::uint32_t));
    if (!entry || !function || !next || *next < *entry) return std::nullopt;
    const auto name = table.at<std::int32_t>(*functions_at + *function + sizeof(std::uint32_t));
    if (!name || *name < 0) return std::nullopt;
    const std::uint64_t name_at = *names_at + static_cast<std::uint64_t>(*name);
    for (const std::string_view wanted : names) {
      if (!table.has_name(name_at, wanted)) continue;
      // Two of a name: nobody can say which is called.
      const Function place{.address = *text + *entry, .size = *next - *entry};
      if (place.size > kFunctionBytesMax || !found.emplace(wanted, place).second)
        return std::nullopt;
    }
  }
  return found;
}

}  // namespace kernspan::golang
