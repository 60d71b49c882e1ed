// Where values of a JSON text end, without reading them: what has not changed need not be parsed.
// Only nesting and strings are looked at; whether a value is right its parser finds out.
#pragma once

#include <cstddef>
#include <string_view>

namespace kernspan::kube {

// The first byte at or behind `at` that is no white space; the text's size where there is none.
std::size_t skip_space(std::string_view text, std::size_t at);

// Behind the value that begins at `at`; npos when the text ends before, or it is nested deeper than
// `depth_max`.
std::size_t value_end(std::string_view text, std::size_t at, std::size_t depth_max);

}  // namespace kernspan::kube
