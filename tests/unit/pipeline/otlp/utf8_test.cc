#include "pipeline/otlp/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace kernspan::otlp {
namespace {

std::string replaced(std::string text) {
  replace_invalid_utf8(text.data(), text.size());
  return text;
}

TEST(Utf8, LeavesWellFormedTextAlone) {
  for (const std::string text :
       {"", "plain ascii, longer than eight",
        "gr\xC3\xBC\xC3\x9F"
        "e aus K\xC3\xB6ln und anderswo",
        "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xED\x9F\xBF", "\xEE\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    std::string copy = text;
    EXPECT_EQ(replace_invalid_utf8(copy.data(), copy.size()), 0U) << text;
    EXPECT_EQ(copy, text);
  }
}

TEST(Utf8, ReplacesByteForByte) {
  EXPECT_EQ(replaced("a\xFF"
                     "b"),
            "a?b");
  EXPECT_EQ(replaced("\xC0\x80"), "??");            // overlong
  EXPECT_EQ(replaced("\xE0\x80\x80"), "???");       // overlong
  EXPECT_EQ(replaced("\xED\xA0\x80"), "???");       // surrogate
  EXPECT_EQ(replaced("\xF4\x90\x80\x80"), "????");  // above U+10FFFF
  EXPECT_EQ(replaced("end cut \xE2\x82"), "end cut ??");
  EXPECT_EQ(replaced("\xC3\x28 next"), "?( next");
}

TEST(Utf8, CopiesWhatItChecks) {
  const std::string text = "twenty characters and a few";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    std::string copy(size + 1, '#');
    EXPECT_TRUE(copy_is_ascii(copy.data(), std::string_view(text).substr(0, size)));
    EXPECT_EQ(copy, text.substr(0, size) + '#');
    for (std::size_t at = 0; at < size; ++at) {
      std::string other = text.substr(0, size);
      other[at] = '\x80';
      EXPECT_FALSE(copy_is_ascii(copy.data(), other)) << size << " at " << at;
      EXPECT_EQ(copy, other + '#');
    }
  }
}

}  // namespace
}  // namespace kernspan::otlp
