#include "pipeline/extensions/pprof/pprof.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include "pipeline/extensions/pprof/heap_sampler.h"
#include "pipeline/extensions/pprof/profile_writer.h"
#include "pipeline/extensions/pprof/sampled_stacks.h"
#include "tests/unit/pipeline/extensions/extension_fixture.h"
#include "tests/unit/pipeline/http_get.h"

namespace kernspan {

// Not in an anonymous namespace: the profile shall show its name.
[[gnu::noinline]] std::uint64_t burn_for_the_profile(const std::atomic<bool>& stop) {
  std::uint64_t value = 1;
  while (!stop.load(std::memory_order_relaxed)) {
    for (int i = 0; i < 1000; ++i) value = value * 6364136223846793005ULL + 1442695040888963407ULL;
  }
  return value;
}

[[gnu::noinline]] void hold_for_the_profile(std::vector<std::unique_ptr<char[]>>& held) {
  constexpr std::size_t kBlockBytes = 1 << 16;
  held.push_back(std::make_unique<char[]>(kBlockBytes));
}

namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string body_of(const std::string& answer) {
  const std::size_t end = answer.find("\r\n\r\n");
  return end == std::string::npos ? "" : answer.substr(end + 4);
}

std::string output_of(const std::string& command) {
  std::string text;
  FILE* const pipe = popen(command.c_str(), "r");
  std::array<char, 4096> piece;
  for (std::size_t got = 0; (got = fread(piece.data(), 1, piece.size(), pipe)) > 0;) {
    text.append(piece.data(), got);
  }
  pclose(pipe);
  return text;
}

// What `go tool pprof` makes of a profile.
std::string pprof_output(const std::string& profile, const std::string& options) {
  std::string folder = ::testing::TempDir() + "pprofXXXXXX";
  const std::filesystem::path path = mkdtemp(folder.data());
  std::ofstream(path / "profile", std::ios::binary) << profile;
  const std::string output = output_of("cd " + path.string() + " && HOME=" + path.string() +
                                       " go tool pprof " + options + " profile 2>&1");
  std::filesystem::remove_all(path);
  return output;
}

bool has_go() {
  return std::system("go version >/dev/null 2>&1") == 0;
}

class PprofTest : public ExtensionFixture {
 protected:
  PprofTest() : ExtensionFixture(pprof_extension_factory(), 21777) {}
};

TEST_F(PprofTest, TakesACpuProfileThatGoReads) {
  if (!has_go()) GTEST_SKIP() << "go is not installed";
  start();
  std::atomic<bool> stop{false};
  std::thread burner([&stop] { burn_for_the_profile(stop); });
  const std::string answer = http_get(port_, "/debug/pprof/profile?seconds=1");
  stop = true;
  burner.join();
  ASSERT_THAT(answer, AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("application/octet-stream")));
  const std::string profile = body_of(answer);
  EXPECT_THAT(profile, StartsWith("\x1f\x8b"));
  EXPECT_THAT(pprof_output(profile, "-top"),
              AllOf(HasSubstr("Type: cpu"), HasSubstr("burn_for_the_profile")));
  EXPECT_THAT(pprof_output(profile, "-raw"), HasSubstr("samples/count"));
}

TEST_F(PprofTest, TakesAHeapProfileThatGoReads) {
  if (!can_sample_heap()) {
    start();
    EXPECT_THAT(http_get(port_, "/debug/pprof/heap"),
                AllOf(StartsWith("HTTP/1.1 501"), HasSubstr("sanitizer")));
    return;
  }
  if (!has_go()) GTEST_SKIP() << "go is not installed";
  start();
  std::vector<std::unique_ptr<char[]>> held;
  held.reserve(4096);  // here, so that its own memory is never a sample of hold_for_the_profile
  for (int i = 0; i < 4096; ++i) hold_for_the_profile(held);  // 256 MiB: some 512 samples
  const auto heap = [this] {
    return pprof_output(body_of(http_get(port_, "/debug/pprof/heap")), "-top -unit=mb");
  };
  EXPECT_THAT(heap(), AllOf(HasSubstr("Type: inuse_space"), HasSubstr("hold_for_the_profile")));
  std::uint64_t bytes = 0;
  std::uint64_t objects = 0;
  for (const HeapSample& sample : heap_samples()) {
    bytes += sample.bytes;
    objects += sample.objects;
  }
  // The standard deviation is 4 %; seven of them.
  EXPECT_NEAR(static_cast<double>(bytes), 256.0 * (1 << 20), 0.3 * 256 * (1 << 20));
  EXPECT_GT(objects, 2500U);
  held.clear();
  EXPECT_THAT(heap(), ::testing::Not(HasSubstr("hold_for_the_profile")));
  EXPECT_EQ(lost_heap_samples(), 0U);
}

TEST_F(PprofTest, StoppingEndsAProfile) {
  start();
  std::thread client([this] { http_get(port_, "/debug/pprof/profile?seconds=300"); });
  // Whether the request has arrived by now or not, nothing waits for five minutes.
  extension_->stop({});
  client.join();
}

TEST_F(PprofTest, SaysWhatThereIsAndWhyNot) {
  start();
  EXPECT_THAT(http_get(port_, "/debug/pprof/"), HasSubstr("/debug/pprof/profile"));
  EXPECT_THAT(body_of(http_get(port_, "/debug/pprof/cmdline")), HasSubstr("pprof_test"));
  EXPECT_THAT(http_get(port_, "/debug/pprof/allocs"),
              AllOf(StartsWith("HTTP/1.1 501"), HasSubstr("/debug/pprof/heap")));
  EXPECT_THAT(http_get(port_, "/debug/pprof/goroutine"), HasSubstr("not written in Go"));
  for (const char* seconds : {"0", "-1", "301", "x", "", "1x"}) {
    EXPECT_THAT(http_get(port_, std::string("/debug/pprof/profile?seconds=") + seconds),
                StartsWith("HTTP/1.1 400"))
        << seconds;
  }
}

TEST_F(PprofTest, RefusesWrongSettings) {
  EXPECT_EQ(create("{block_profile_fraction: 1}"), "");
  EXPECT_THAT(create("{port: 1}"), HasSubstr("unknown key \"port\""));
}

std::string words(const std::vector<std::uint64_t>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(std::uint64_t)};
}

TEST(SampledStacksTest, ReadsWhatTheProfilerWrites) {
  const std::string bytes =
      words({0, 3, 0, 10000, 0, 5, 2, 0x1010, 0x2020, 1, 1, 0x1010, 0, 1, 0}) +
      "00001000-00002000 r-xp 00000400 08:01 17   /bin/a b\n"
      "00002000-00003000 rw-p 00000000 08:01 17   /bin/a b\n";
  const Result<SampledStacks> stacks = parse_sampled_stacks(bytes);
  ASSERT_TRUE(stacks) << stacks.error().message;
  EXPECT_EQ(stacks->period_us, 10000U);
  ASSERT_EQ(stacks->stacks.size(), 2U);
  EXPECT_EQ(stacks->stacks[0].count, 5U);
  EXPECT_THAT(stacks->stacks[0].addresses, ::testing::ElementsAre(0x1010U, 0x2020U));
  ASSERT_EQ(stacks->mappings.size(), 1U);
  EXPECT_EQ(stacks->mappings[0].file, "/bin/a b");
  EXPECT_EQ(stacks->mappings[0].file_offset, 0x400U);
}

TEST(SampledStacksTest, RefusesWhatIsCutShort) {
  const std::string whole = words({0, 3, 0, 10000, 0, 5, 1, 0x1010, 0, 1, 0});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(parse_sampled_stacks(whole.substr(0, size))) << size;
  }
  EXPECT_TRUE(parse_sampled_stacks(whole));
  EXPECT_FALSE(parse_sampled_stacks(words({0, 3, 0, 1, 0, 1, ~0ULL})));
  EXPECT_FALSE(parse_sampled_stacks(words({0, ~0ULL, 0, 1, 0})));
}

TEST(ProfileWriterTest, NamesFunctionsAndTakesCallersBeforeTheirReturn) {
  if (!has_go()) GTEST_SKIP() << "go is not installed";
  const SampledStacks stacks{.period_us = 10000,
                             .stacks = {{3, {0x1010, 0x1021}}, {4, {0x1010}}},
                             .mappings = {{0x1000, 0x2000, 0, "/bin/x"}}};
  const std::string profile = write_cpu_profile(
      stacks, [](std::uint64_t address) { return address == 0x1010 ? "inner" : "outer"; },
      1'700'000'000'000'000'000, std::chrono::seconds(2));
  const std::string raw = pprof_output(profile, "-raw");
  EXPECT_THAT(raw, AllOf(HasSubstr("0x1010"), HasSubstr("0x1020"), HasSubstr("inner"),
                         HasSubstr("outer"), HasSubstr("Duration: 2")));
  EXPECT_THAT(pprof_output(profile, "-top"), HasSubstr("70ms"));
}

}  // namespace
}  // namespace kernspan
