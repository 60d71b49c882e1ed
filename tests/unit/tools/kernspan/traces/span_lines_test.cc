#include "tools/kernspan/traces/span_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace kernspan::tools {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class LineSplitterTest : public testing::Test {
 protected:
  void feed(std::string_view bytes) {
    splitter_.feed(bytes, [this](std::string_view line) { lines_.emplace_back(line); });
  }
  void finish() {
    splitter_.finish([this](std::string_view line) { lines_.emplace_back(line); });
  }

  LineSplitter splitter_{8};
  std::vector<std::string> lines_;
};

TEST_F(LineSplitterTest, SeveralLinesAtOnceWithoutTheEmptyOnes) {
  feed("one\n\ntwo\nthr");
  EXPECT_THAT(lines_, ElementsAre("one", "two"));
}

TEST_F(LineSplitterTest, ByteByByte) {
  for (const char byte : std::string_view("one\ntwo\n")) feed({&byte, 1});
  EXPECT_THAT(lines_, ElementsAre("one", "two"));
}

TEST_F(LineSplitterTest, LastLineCountsAtTheEndOnly) {
  feed("one");
  EXPECT_THAT(lines_, IsEmpty());
  finish();
  finish();
  EXPECT_THAT(lines_, ElementsAre("one"));
}

TEST_F(LineSplitterTest, LinesThatAreTooLongAreSkippedAndCounted) {
  feed("12345678\n123456789\nok\n12345");
  feed("6789abcdef");
  feed("\nend\n");
  EXPECT_THAT(lines_, ElementsAre("12345678", "ok", "end"));
  EXPECT_EQ(splitter_.lines_too_long(), 2u);
}

TEST_F(LineSplitterTest, RestartForgetsWhatWaits) {
  feed("old");
  splitter_.restart();
  feed("new\n123456789");
  splitter_.restart();
  feed("ok\n");
  EXPECT_THAT(lines_, ElementsAre("new", "ok"));
}

}  // namespace
}  // namespace kernspan::tools
