// Which language runtime a process is, from its executable's name or, for compiled programs, its
// ELF headers. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "agent/process/process_info.h"

namespace kernspan::process {

struct RuntimeInfo {
  Runtime runtime = Runtime::kUnknown;
  // What the semantic conventions ask for as process.runtime.name, where it is certain.
  std::string name;
  std::string version;
};

class RuntimeDetector {
 public:
  // `fd` is the opened executable, or -1: then only a name that tells all gives an answer.
  RuntimeInfo detect(std::string_view executable_name, int fd);

  // How many executables had to be looked into.
  std::uint64_t files_read() const { return files_read_; }

 private:
  // Device, inode and the time of the last change in ns: the same file with the same contents.
  using FileId = std::tuple<std::uint64_t, std::uint64_t, std::int64_t>;
  // A node runs some hundred different executables; when the cache is full it starts anew.
  static constexpr std::size_t kCachedFilesMax = 1024;
  std::map<FileId, RuntimeInfo> cache_;
  std::uint64_t files_read_ = 0;
};

}  // namespace kernspan::process
