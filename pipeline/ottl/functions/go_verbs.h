// How Go prints one value: the part of fmt.Sprintf behind a percent sign.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pipeline/ottl/value.h"

namespace kernspan::ottl {

struct Directive {
  bool plus = false;
  bool minus = false;
  bool sharp = false;
  bool space = false;
  bool zero = false;
  std::optional<int> width = {};
  std::optional<int> precision = {};
  char verb = 'v';
};

// Text that says so when the verb is not one for the value: "%!d(string=abc)". Width and precision
// are not for the items of lists and maps.
std::string format_value(const Value& value, const Directive& directive);

// "int64", "map[string]interface {}"
std::string_view go_type_name(const Value& value);

}  // namespace kernspan::ottl
