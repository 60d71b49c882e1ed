#include "tools/kernspan/traces/span_source.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace kernspan::tools {
namespace {

using namespace std::chrono_literals;

class SpanSourceTest : public testing::Test {
 protected:
  SpanSourceTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "span-source-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    path_ = folder_ / "spans.jsonl";
  }
  ~SpanSourceTest() override { std::filesystem::remove_all(folder_); }

  void write(std::string_view text, std::ios::openmode mode = std::ios::app) {
    std::ofstream(path_, mode) << text;
  }
  std::string read(SpanSource& source) {
    std::string bytes;
    const auto state = source.read([&](std::string_view part) { bytes += part; }, 5000ms);
    last_state_ = state ? std::optional(*state) : std::nullopt;
    return bytes;
  }

  std::filesystem::path folder_;
  std::filesystem::path path_;
  std::optional<SpanSource::State> last_state_;
};

TEST_F(SpanSourceTest, FileThatIsNotThereIsAnErrorThatNamesIt) {
  SpanSource source(path_);
  const Status opened = source.open();
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find(path_.string()), std::string::npos);
  EXPECT_NE(opened.error().message.find("No such file"), std::string::npos);
}

TEST_F(SpanSourceTest, FolderIsAnError) {
  EXPECT_FALSE(SpanSource(folder_).open());
}

TEST_F(SpanSourceTest, ReadsWhatIsAddedToAFile) {
  write("one\n");
  SpanSource source(path_);
  ASSERT_TRUE(source.open());
  EXPECT_EQ(read(source), "one\n");
  EXPECT_EQ(last_state_, SpanSource::State::kCaughtUp);
  EXPECT_EQ(read(source), "");
  write("two\n");
  EXPECT_EQ(read(source), "two\n");
}

TEST_F(SpanSourceTest, SkipsWhatIsThere) {
  write("old\n");
  SpanSource source(path_);
  ASSERT_TRUE(source.open());
  source.skip_to_end();
  write("new\n");
  EXPECT_EQ(read(source), "new\n");
}

TEST_F(SpanSourceTest, FollowsAFileThatIsTruncated) {
  write("a long old line\n");
  SpanSource source(path_);
  ASSERT_TRUE(source.open());
  read(source);
  EXPECT_FALSE(source.reopen_if_replaced());
  write("new\n", std::ios::trunc);
  EXPECT_TRUE(source.reopen_if_replaced());
  EXPECT_EQ(read(source), "new\n");
}

TEST_F(SpanSourceTest, FollowsAFileThatIsReplaced) {
  write("old\n");
  SpanSource source(path_);
  ASSERT_TRUE(source.open());
  read(source);
  std::filesystem::rename(path_, folder_ / "spans.1.jsonl");
  EXPECT_FALSE(source.reopen_if_replaced());  // for the moment there is no file
  EXPECT_EQ(read(source), "");
  write("a new and longer line\n");
  EXPECT_TRUE(source.reopen_if_replaced());
  EXPECT_EQ(read(source), "a new and longer line\n");
}

TEST_F(SpanSourceTest, PipeEndsWithItsWriter) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  std::thread writer([this] { write("one\n"); });
  SpanSource source(path_);
  ASSERT_TRUE(source.open());
  EXPECT_EQ(read(source), "one\n");
  EXPECT_EQ(last_state_, SpanSource::State::kMore);
  writer.join();
  EXPECT_EQ(read(source), "");
  EXPECT_EQ(last_state_, SpanSource::State::kEnded);
}

}  // namespace
}  // namespace kernspan::tools
