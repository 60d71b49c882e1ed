#include "pipeline/extensions/pprof/sampled_stacks.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

namespace kernspan {
namespace {

// Deeper than any stack that the profiler records.
constexpr std::uint64_t kDeepest = 1024;

class Words {
 public:
  explicit Words(std::string_view bytes) : bytes_(bytes) {}

  std::optional<std::uint64_t> next() {
    std::uint64_t word = 0;
    if (bytes_.size() < sizeof word) return std::nullopt;
    std::memcpy(&word, bytes_.data(), sizeof word);
    bytes_.remove_prefix(sizeof word);
    return word;
  }
  std::string_view rest() const { return bytes_; }

 private:
  std::string_view bytes_;
};

std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

std::uint64_t parse_hex(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return value;
}

// "begin-end r-xp offset device inode file"
void add_mapping(std::string_view line, std::vector<CodeMapping>& mappings) {
  const std::string_view range = take_word(line);
  const std::string_view permissions = take_word(line);
  if (!permissions.contains('x')) return;
  CodeMapping mapping;
  const std::size_t dash = range.find('-');
  if (dash == std::string_view::npos) return;
  mapping.begin = parse_hex(range.substr(0, dash));
  mapping.end = parse_hex(range.substr(dash + 1));
  mapping.file_offset = parse_hex(take_word(line));
  take_word(line);
  take_word(line);
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  mapping.file = line;
  mappings.push_back(std::move(mapping));
}

}  // namespace

Result<SampledStacks> parse_sampled_stacks(std::string_view bytes) {
  const auto malformed = [] { return permanent("the profiler's output is cut short"); };
  Words words(bytes);
  SampledStacks result;
  const std::optional<std::uint64_t> zero = words.next();
  const std::optional<std::uint64_t> header = words.next();
  if (!zero || !header || *zero != 0 || *header < 3 || *header > 16) return malformed();
  for (std::uint64_t i = 0; i < *header; ++i) {
    const std::optional<std::uint64_t> word = words.next();
    if (!word) return malformed();
    if (i == 1) result.period_us = *word;
  }
  while (true) {
    const std::optional<std::uint64_t> count = words.next();
    const std::optional<std::uint64_t> depth = words.next();
    if (!count || !depth || *depth > kDeepest) return malformed();
    SampledStack stack{.count = *count, .addresses = {}};
    for (std::uint64_t i = 0; i < *depth; ++i) {
      const std::optional<std::uint64_t> address = words.next();
      if (!address) return malformed();
      stack.addresses.push_back(*address);
    }
    if (*count == 0) break;
    result.stacks.push_back(std::move(stack));
  }
  result.mappings = parse_code_mappings(words.rest());
  return result;
}

std::vector<CodeMapping> parse_code_mappings(std::string_view maps) {
  std::vector<CodeMapping> mappings;
  while (!maps.empty()) {
    const std::string_view line = maps.substr(0, maps.find('\n'));
    maps.remove_prefix(std::min(line.size() + 1, maps.size()));
    add_mapping(line, mappings);
  }
  return mappings;
}

}  // namespace kernspan
