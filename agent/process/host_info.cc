#include "agent/process/host_info.h"

#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <string_view>

#include "agent/process/utf8.h"

namespace kernspan::process {
namespace {

constexpr std::size_t kFileBytesMax = 4096;
constexpr std::size_t kValueBytesMax = 255;

std::string read_start(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kFileBytesMax, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

std::string_view first_line(std::string_view text) {
  return text.substr(0, text.find_first_of("\r\n"));
}

// The ids are hexadecimal, with dashes or without. "uninitialized" (systemd, first boot) is none.
std::string read_id(const std::string& path) {
  const std::string text = read_start(path);
  const std::string_view id = first_line(text);
  const bool valid =
      std::ranges::all_of(id, [](unsigned char c) { return std::isxdigit(c) != 0 || c == '-'; });
  return valid ? std::string(id.substr(0, kValueBytesMax)) : std::string{};
}

struct Architecture {
  std::string_view machine;  // as uname(2) has it
  std::string_view arch;
};

constexpr std::array kArchitectures = {
    Architecture{"x86_64", "amd64"},  Architecture{"aarch64", "arm64"},
    Architecture{"armv7l", "arm32"},  Architecture{"i686", "x86"},
    Architecture{"ppc64le", "ppc64"}, Architecture{"s390x", "s390x"},
};

// os-release(5): shell assignments, the value quoted or not.
std::string pretty_name(std::string_view os_release) {
  constexpr std::string_view kKey = "PRETTY_NAME=";
  while (!os_release.empty()) {
    std::string_view line = first_line(os_release);
    os_release.remove_prefix(std::min(line.size() + 1, os_release.size()));
    if (!line.starts_with(kKey)) continue;
    line.remove_prefix(kKey.size());
    if (line.size() >= 2 && (line[0] == '"' || line[0] == '\'') && line.back() == line[0]) {
      line = line.substr(1, line.size() - 2);
    }
    return to_utf8(line, kValueBytesMax);
  }
  return {};
}

}  // namespace

HostInfo read_host_info(const HostPaths& paths) {
  HostInfo host;
  struct utsname names{};
  if (uname(&names) == 0) {
    host.name = to_utf8(names.nodename, kValueBytesMax);
    const std::string_view machine = names.machine;
    const auto known = std::ranges::find(kArchitectures, machine, &Architecture::machine);
    host.arch = known == kArchitectures.end() ? machine : known->arch;
  }
  if (!paths.name.empty()) host.name = to_utf8(paths.name, kValueBytesMax);
  host.id = read_id(paths.machine_id);
  host.boot_id = read_id(paths.boot_id);
  host.os_description = pretty_name(read_start(paths.os_release));
  return host;
}

}  // namespace kernspan::process
