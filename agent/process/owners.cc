#include "agent/process/owners.h"

#include <charconv>
#include <cstddef>
#include <fstream>
#include <string_view>

#include "agent/process/utf8.h"

namespace kernspan::process {

std::unordered_map<std::uint32_t, std::string> read_owners(const std::string& passwd_path) {
  constexpr std::size_t kFileBytesMax = 1 << 20;
  constexpr std::size_t kNameBytesMax = 255;
  std::unordered_map<std::uint32_t, std::string> owners;
  std::ifstream file(passwd_path, std::ios::binary);
  std::string line;
  std::size_t bytes = 0;
  while (bytes < kFileBytesMax && std::getline(file, line)) {
    bytes += line.size() + 1;
    // name:password:uid:...
    const std::size_t password = line.find(':');
    if (password == std::string::npos || password == 0) continue;
    const std::size_t uid_at = line.find(':', password + 1);
    if (uid_at == std::string::npos) continue;
    std::uint32_t uid = 0;
    const char* const end = line.data() + line.size();
    const auto parsed = std::from_chars(line.data() + uid_at + 1, end, uid);
    if (parsed.ec != std::errc() || parsed.ptr == end || *parsed.ptr != ':') continue;
    owners.emplace(uid, to_utf8(std::string_view(line).substr(0, password), kNameBytesMax));
  }
  return owners;
}

}  // namespace kernspan::process
