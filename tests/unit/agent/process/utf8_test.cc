#include "agent/process/utf8.h"

#include <gtest/gtest.h>

namespace kernspan::process {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

TEST(Utf8, KeepsWellFormedText) {
  for (const std::string_view text :
       {"", "plain", "é", "€", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_EQ(to_utf8(text, 100), text);
  }
}

TEST(Utf8, ReplacesEachBadByte) {
  struct Case {
    std::string_view bytes;
    int replaced;
  };
  for (const Case& each :
       {Case{"\xFF", 1}, Case{"\x80", 1}, Case{"\xC0\xAF", 2}, Case{"\xE0\x80\xAF", 3},
        Case{"\xED\xA0\x80", 3}, Case{"\xF4\x90\x80\x80", 4}, Case{"\xF5\x80", 2},
        Case{"\xE2\x82", 2}, Case{"\xF0\x9F\x98", 3}, Case{"\xF0\x80\x80\x80", 4}}) {
    std::string expected = "a";
    for (int i = 0; i < each.replaced; ++i) expected += kReplacement;
    expected += "z";
    EXPECT_EQ(to_utf8("a" + std::string(each.bytes) + "z", 100), expected);
  }
}

TEST(Utf8, CutsBetweenCharacters) {
  EXPECT_EQ(to_utf8("aé", 2), "a");
  EXPECT_EQ(to_utf8("aé", 3), "aé");
  EXPECT_EQ(to_utf8("a\xFF", 3), "a");
  EXPECT_EQ(to_utf8("abc", 0), "");
}

}  // namespace
}  // namespace kernspan::process
