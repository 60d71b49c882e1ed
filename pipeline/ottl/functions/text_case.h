#pragma once

#include <string>
#include <string_view>

namespace kernspan::ottl {

// Of all letters that Unicode gives another case of one letter. Bytes that are not UTF-8 stay.
std::string lower_case(std::string_view text);
std::string upper_case(std::string_view text);

// "CPUUtilizationMetric", "simple-string" -> "cpu_utilization_metric", "simple_string". ASCII letters
// only, and a digit is a word of its own, as upstream: "http2Server" -> "http_2_server".
std::string snake_case(std::string_view text);

// "simple_string" -> "SimpleString". ASCII letters and digits only; all else goes.
std::string camel_case(std::string_view text);

void append_utf8(char32_t point, std::string& out);

// Without white space at both ends.
std::string_view trim_space(std::string_view text);

}  // namespace kernspan::ottl
