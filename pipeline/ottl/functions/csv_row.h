#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/error.h"

namespace kernspan::ottl {

// The fields of one row. Line ends in it are part of the fields that they are in; those at its ends
// are not. `lazy_quotes`: a quote may be in the middle of a field. A field with a quote where none may
// be is left out, with what follows on its line, so that the row has too few.
Result<std::vector<std::string>> read_csv_row(std::string_view row, std::string_view delimiter,
                                              bool lazy_quotes);

std::vector<std::string> split_text(std::string_view text, std::string_view delimiter);

// Pieces between delimiters that are not in quotes, single or double, without the quotes. Empty
// pieces are left out. Fails when a quote is not closed.
Result<std::vector<std::string>> split_quoted(std::string_view text, std::string_view delimiter);

}  // namespace kernspan::ottl
