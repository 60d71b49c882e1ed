#include "agent/process/runtime.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "agent/process/command_line.h"
#include "agent/process/go_build_info.h"

namespace kernspan::process {
namespace {

struct NamedRuntime {
  std::string_view key;  // program_key() of the executable
  Runtime runtime;
  std::string_view name;  // empty where several implementations share the executable's name
};

constexpr std::array kNamedRuntimes = {
    NamedRuntime{"python", Runtime::kPython, "cpython"},
    NamedRuntime{"pypy", Runtime::kPython, "pypy"},
    NamedRuntime{"node", Runtime::kNodejs, "nodejs"},
    NamedRuntime{"nodejs", Runtime::kNodejs, "nodejs"},
    NamedRuntime{"java", Runtime::kJava, ""},
    NamedRuntime{"ruby", Runtime::kRuby, "ruby"},
    NamedRuntime{"php", Runtime::kPhp, "cli"},
    NamedRuntime{"php-fpm", Runtime::kPhp, "fpm-fcgi"},
    NamedRuntime{"php-cgi", Runtime::kPhp, "cgi-fcgi"},
};

}  // namespace

std::string_view to_string(Runtime runtime) {
  switch (runtime) {
    case Runtime::kUnknown:
      return "unknown";
    case Runtime::kGo:
      return "go";
    case Runtime::kPython:
      return "python";
    case Runtime::kNodejs:
      return "nodejs";
    case Runtime::kJava:
      return "java";
    case Runtime::kRuby:
      return "ruby";
    case Runtime::kPhp:
      return "php";
    case Runtime::kNative:
      return "native";
  }
  return "unknown";
}

RuntimeInfo RuntimeDetector::detect(std::string_view executable_name, int fd) {
  const auto named =
      std::ranges::find(kNamedRuntimes, program_key(executable_name), &NamedRuntime::key);
  if (named != kNamedRuntimes.end()) return {named->runtime, std::string(named->name), {}};

  struct stat status{};
  if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return {};
  const FileId id{status.st_dev, status.st_ino,
                  status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec};
  const auto cached = cache_.find(id);
  if (cached != cache_.end()) return cached->second;

  ++files_read_;
  GoBuildInfo go = read_go_build_info(fd);
  RuntimeInfo info{Runtime::kNative, {}, {}};
  if (go.is_go) info = {Runtime::kGo, "go", std::move(go.version)};
  if (cache_.size() >= kCachedFilesMax) cache_.clear();
  cache_.emplace(id, info);
  return info;
}

}  // namespace kernspan::process
