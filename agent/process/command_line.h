// Reading command lines: arguments as views, options as getopt and friends accept them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kernspan::process {

using Args = std::span<const std::string_view>;

// std::ranges::contains, which g++ 12 does not have yet.
template <typename Range>
constexpr bool contains(const Range& range, std::string_view value) {
  return std::ranges::find(range, value) != std::ranges::end(range);
}

// Arguments as the kernel lays them out, each ended by NUL. Trailing empty ones (the padding that
// is left when a program overwrites its title) are dropped; at most `max_args` are taken.
std::vector<std::string> split_nul(std::string_view bytes, std::size_t max_args);

// Words between spaces; the views point into `text`.
std::vector<std::string_view> split_spaces(std::string_view text);

// What follows the last slash.
std::string_view base_name(std::string_view path);
// What precedes the last slash; "/" for "/x", empty for "x".
std::string_view directory_of(std::string_view path);
// Without the " (deleted)" that the kernel appends to the link of an unlinked executable.
std::string_view without_deleted(std::string_view path);
// A program's name without its version: python3.11 -> python, php-fpm8.2 -> php-fpm.
std::string_view program_key(std::string_view name);

// The index of the first argument at or after `from` that is neither an option nor the value of one
// of `valued`, the options that take their value from the next argument; args.size() if there is
// none.
std::size_t next_operand(Args args, std::size_t from, std::span<const std::string_view> valued);

// The value of the first of the options that is given, as "--name value", "--name=value", "-n
// value" or "-nvalue"; empty if none is. args[0] is not looked at.
std::string_view option_value(Args args, std::initializer_list<std::string_view> names);

}  // namespace kernspan::process
