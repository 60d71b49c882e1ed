#include "agent/process/go_build_info.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/process/runtime.h"
#include "tests/unit/agent/process/elf_file.h"

namespace kernspan::process {
namespace {

class MemoryFile {
 public:
  explicit MemoryFile(std::string_view contents) : fd_(memfd_create("test", MFD_CLOEXEC)) {
    EXPECT_EQ(write(fd_, contents.data(), contents.size()), static_cast<ssize_t>(contents.size()));
  }
  ~MemoryFile() { close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

GoBuildInfo info_of(std::string_view contents) {
  const MemoryFile file(contents);
  return read_go_build_info(file.fd());
}

std::string go_program(std::string_view version) {
  return elf_file({{".text", "code"}, {".go.buildinfo", go_build_info_section(version)}});
}

TEST(GoBuildInfo, KnowsGoAndItsVersion) {
  EXPECT_TRUE(info_of(go_program("go1.22.1")).is_go);
  EXPECT_EQ(info_of(go_program("go1.22.1")).version, "1.22.1");
  EXPECT_EQ(info_of(go_program("go1.19.8 X:boringcrypto")).version, "1.19.8");
  EXPECT_EQ(info_of(go_program("devel go1.23-abcdef")).version, "1.23-abcdef");
  EXPECT_EQ(
      info_of(go_program("go1.25-20250209-RC00 cl/724970549 +ff27d270c9 X:fieldtrack,boringcrypto"))
          .version,
      "1.25-20250209-RC00");
}

TEST(GoBuildInfo, KnowsGoWithoutAVersion) {
  const GoBuildInfo old = info_of(elf_file({{".note.go.buildid", "id"}}));
  EXPECT_TRUE(old.is_go);
  EXPECT_EQ(old.version, "");
  std::string pointers = go_build_info_section("go1.17");
  pointers[15] = 0;  // the version is behind a pointer
  const GoBuildInfo older = info_of(elf_file({{".go.buildinfo", pointers}}));
  EXPECT_TRUE(older.is_go);
  EXPECT_EQ(older.version, "");
  EXPECT_EQ(info_of(go_program("go1.\n2")).version, "");
  EXPECT_EQ(info_of(go_program("go" + std::string(130, '1'))).version, "");
}

TEST(GoBuildInfo, OthersAreNotGo) {
  EXPECT_FALSE(info_of(elf_file({{".text", "code"}, {".interp", "ld.so"}})).is_go);
  EXPECT_FALSE(info_of("#!/bin/sh\n").is_go);
  EXPECT_FALSE(info_of("").is_go);
  EXPECT_FALSE(read_go_build_info(-1).is_go);
}

TEST(GoBuildInfo, SurvivesCutAndDamagedFiles) {
  const std::string whole = go_program("go1.22.1");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(info_of(whole.substr(0, size)).is_go) << size;  // the headers come last
  }
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = '\xff';
    const GoBuildInfo info = info_of(damaged);
    EXPECT_TRUE(info.version.empty() || info.is_go) << i;
  }
}

TEST(RuntimeDetector, ReadsAnExecutableOnce) {
  RuntimeDetector detector;
  const MemoryFile go(go_program("go1.22.1"));
  const MemoryFile native(elf_file({{".text", "code"}}));
  for (int i = 0; i < 3; ++i) {
    const RuntimeInfo info = detector.detect("frontend", go.fd());
    EXPECT_EQ(info.runtime, Runtime::kGo);
    EXPECT_EQ(info.name, "go");
    EXPECT_EQ(info.version, "1.22.1");
    EXPECT_EQ(detector.detect("nginx", native.fd()).runtime, Runtime::kNative);
  }
  EXPECT_EQ(detector.files_read(), 2U);
}

TEST(RuntimeDetector, SeesThatAnExecutableWasReplaced) {
  RuntimeDetector detector;
  const MemoryFile file(elf_file({{".text", "code"}}));
  EXPECT_EQ(detector.detect("frontend", file.fd()).runtime, Runtime::kNative);
  const std::string replaced = go_program("go1.22.1");
  ASSERT_EQ(pwrite(file.fd(), replaced.data(), replaced.size(), 0),
            static_cast<ssize_t>(replaced.size()));
  const timespec times[2] = {{1, 0}, {1, 0}};
  ASSERT_EQ(futimens(file.fd(), times), 0);
  EXPECT_EQ(detector.detect("frontend", file.fd()).runtime, Runtime::kGo);
}

TEST(RuntimeDetector, KnowsInterpretersByName) {
  RuntimeDetector detector;
  EXPECT_EQ(detector.detect("python3.11", -1).runtime, Runtime::kPython);
  EXPECT_EQ(detector.detect("python3.11", -1).name, "cpython");
  EXPECT_EQ(detector.detect("pypy3", -1).name, "pypy");
  EXPECT_EQ(detector.detect("node", -1).runtime, Runtime::kNodejs);
  EXPECT_EQ(detector.detect("java", -1).runtime, Runtime::kJava);
  EXPECT_EQ(detector.detect("java", -1).name, "");
  EXPECT_EQ(detector.detect("ruby3.1", -1).runtime, Runtime::kRuby);
  EXPECT_EQ(detector.detect("php-fpm8.2", -1).runtime, Runtime::kPhp);
  EXPECT_EQ(detector.detect("frontend", -1).runtime, Runtime::kUnknown);
  EXPECT_EQ(detector.files_read(), 0U);
}

}  // namespace
}  // namespace kernspan::process
