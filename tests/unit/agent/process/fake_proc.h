// A /proc in a temporary directory, with the files of proc(5) that the agent reads.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace kernspan::process {

struct FakeProcess {
  std::uint32_t tgid = 0;
  std::uint32_t parent_tgid = 1;
  std::uint64_t start_ticks = 1000;
  std::string comm = "x";
  std::string executable = {};  // a name: the file is made; empty: no link, as for a kernel thread
  std::string executable_contents = "#!";
  std::vector<std::string> args = {};
  std::vector<std::string> environment = {};
  std::string cwd = "/";
  std::uint32_t uid = 1000;
};

class FakeProc {
 public:
  FakeProc() {
    std::string pattern = (std::filesystem::temp_directory_path() / "proc-XXXXXX").string();
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    std::filesystem::create_directories(root_ / "bin");
    write(root_ / "passwd", "root:x:0:0:root:/root:/bin/bash\nnonsense\nwww-data:x:33:33::/:/x\n");
  }
  ~FakeProc() { std::filesystem::remove_all(root_); }
  FakeProc(const FakeProc&) = delete;
  FakeProc& operator=(const FakeProc&) = delete;

  std::string root() const { return root_.string(); }
  std::string passwd() const { return (root_ / "passwd").string(); }
  std::string executable(const std::string& name) const { return (root_ / "bin" / name).string(); }
  std::filesystem::path folder(std::uint32_t tgid) const { return root_ / std::to_string(tgid); }

  void start(const FakeProcess& process) {
    end(process.tgid);
    const std::filesystem::path at = folder(process.tgid);
    std::filesystem::create_directory(at);
    write(at / "stat", stat_line(process));
    write(at / "status",
          "Name:\tx\nPPid:\t1\nUid:\t0\t" + std::to_string(process.uid) + "\t0\t0\n");
    write(at / "cmdline", joined(process.args));
    write(at / "environ", joined(process.environment));
    std::filesystem::create_symlink(process.cwd, at / "cwd");
    if (process.executable.empty()) return;
    if (!std::filesystem::exists(executable(process.executable))) {
      write(executable(process.executable), process.executable_contents);
    }
    std::filesystem::create_symlink(executable(process.executable), at / "exe");
  }

  void end(std::uint32_t tgid) { std::filesystem::remove_all(folder(tgid)); }

  static void write(const std::filesystem::path& path, std::string_view contents) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << contents;
    EXPECT_TRUE(file.good()) << path;
  }

  static std::string joined(const std::vector<std::string>& items) {
    std::string text;
    for (const std::string& item : items) (text += item) += '\0';
    return text;
  }

 private:
  static std::string stat_line(const FakeProcess& process) {
    std::string line = std::to_string(process.tgid) + " (" + process.comm + ") S " +
                       std::to_string(process.parent_tgid);
    for (int field = 5; field < 22; ++field) line += " 0";
    return line + " " + std::to_string(process.start_ticks) + " 0 0\n";
  }

  std::filesystem::path root_;
};

}  // namespace kernspan::process
