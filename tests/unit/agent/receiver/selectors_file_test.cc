#include "agent/receiver/selectors_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace kernspan {
namespace {

namespace fs = std::filesystem;

class SelectorsFileTest : public testing::Test {
 protected:
  SelectorsFileTest() {
    std::string name = (fs::temp_directory_path() / "kernspan-selectors-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~SelectorsFileTest() override { fs::remove_all(folder_); }

  // As the kubelet does it: a new folder, and one link that is swapped.
  void mount(const std::string& yaml) {
    const fs::path version = folder_ / ("..version-" + std::to_string(++versions_));
    fs::create_directory(version);
    std::ofstream(version / "selectors.yaml") << yaml;
    fs::create_directory_symlink(version, folder_ / "..data_tmp");
    fs::rename(folder_ / "..data_tmp", folder_ / "..data");
    if (!fs::exists(path())) fs::create_symlink("..data/selectors.yaml", path());
  }
  std::string path() const { return (folder_ / "selectors.yaml").string(); }

  fs::path folder_;
  int versions_ = 0;
};

constexpr const char* kOne = "selectors: [{name: a, match: {executable: nginx}, action: ignore}]";
constexpr const char* kTwo = "{selectors: [{name: b}, {name: c}], http: {request_headers: [x-a]}}";

TEST_F(SelectorsFileTest, AChangeBySwappedLinksIsTakenOnce) {
  mount(kOne);
  SelectorsFile selectors({.path = path(), .defaults = {}, .interval = std::chrono::hours(1)});
  const auto first = selectors.start();
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ((*first)->rules().size(), 1u);
  selectors.look();
  EXPECT_FALSE(selectors.take()) << "nothing has changed";
  mount(kTwo);
  selectors.look();
  const auto changed = selectors.take();
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->rules().size(), 2u);
  EXPECT_TRUE(changed->headers().request.contains("x-a"));
  EXPECT_FALSE(selectors.take());
  EXPECT_EQ(selectors.counters().taken, 1u);
}

TEST_F(SelectorsFileTest, ABadFileChangesNothingAndIsCountedOnce) {
  mount(kOne);
  SelectorsFile selectors({.path = path(), .defaults = {}, .interval = std::chrono::hours(1)});
  ASSERT_TRUE(selectors.start());
  for (const char* bad : {"selectors: [{acton: ignore}]", "selectors: 7", "{", "",
                          "selectors: [{match: {server_port: 0}}]"}) {
    mount(bad);
    selectors.look();
    selectors.look();
    EXPECT_FALSE(selectors.take()) << bad;
    EXPECT_TRUE(selectors.counters().is_refused) << bad;
  }
  EXPECT_EQ(selectors.counters().refused, 5u);
  fs::remove(path());
  selectors.look();
  EXPECT_EQ(selectors.counters().refused, 6u) << "a file that is gone";
  mount(kTwo);
  selectors.look();
  EXPECT_TRUE(selectors.take());
  EXPECT_FALSE(selectors.counters().is_refused);
}

TEST_F(SelectorsFileTest, TheFirstReadingMustSucceed) {
  SelectorsFile absent({.path = path(), .defaults = {}, .interval = std::chrono::hours(1)});
  EXPECT_FALSE(absent.start());
  mount("selectors: [{match: {executabel: nginx}}]");
  SelectorsFile bad({.path = path(), .defaults = {}, .interval = std::chrono::hours(1)});
  const auto refused = bad.start();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("executabel"), std::string::npos);
  EXPECT_NE(refused.error().message.find("selectors.yaml:1:"), std::string::npos)
      << refused.error().message;
}

}  // namespace
}  // namespace kernspan
