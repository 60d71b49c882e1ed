// Queue files as a disk may give them back: a file that LMDB wrote, with changed bytes, or any bytes
// at all. What passes the check is opened by LMDB and used; what does not is salvaged.
//
// The first byte chooses the file: 0 the input itself; else one of three written at the start (no
// records; few; many of all sizes, some removed), on which the rest of the input is a list of
// changes: page (1 byte), place in the page (2 bytes), number of bytes (1 byte), the bytes.
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "pipeline/base/log.h"
#include "pipeline/extensions/file_storage/file_queue.h"
#include "tests/fuzz/input.h"

namespace {

using kernspan::FuzzInput;
using kernspan::Metrics;
using kernspan::otlp::Batch;
using kernspan::storage::FileQueue;
using kernspan::storage::FileQueueSettings;

constexpr std::size_t kPageBytes = 4096;

void check(bool condition) {
  if (!condition) std::abort();
}

// In memory where the machine has a place for it; removed at exit.
class Folder {
 public:
  Folder() {
    std::string pattern = std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : "/tmp";
    pattern += "/kernspan-fuzz-XXXXXX";
    check(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

  void clear() const {
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      std::filesystem::remove(entry.path());
    }
  }

 private:
  std::string path_;
};

FileQueueSettings settings(const std::string& folder) {
  FileQueueSettings settings{.directory = folder, .name = "q"};
  settings.fsync = false;
  settings.max_bytes = 32 << 20;
  settings.compaction.check_interval = std::chrono::hours(1);
  return settings;
}

std::string read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY);
  check(fd >= 0);
  std::string bytes(std::filesystem::file_size(path), '\0');
  check(::read(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  ::close(fd);
  return bytes;
}

void write_file(const std::string& path, std::string_view bytes) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  check(fd >= 0);
  check(::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  ::close(fd);
}

// A file with that many records, of which the first `removed` are gone, without the room behind its
// last page.
std::string made_file(const std::string& folder, int records, int removed) {
  Metrics metrics;
  {
    auto queue = FileQueue::open(settings(folder), metrics, {});
    check(queue.has_value());
    for (int i = 0; i < records; ++i) {
      const std::size_t size = i % 5 == 0 ? 6000 : 30;
      check((*queue)->append(Batch::from_encoder(std::string(size, 'r'), 1)).has_value());
    }
    for (int i = 0; i < removed; ++i) (*queue)->remove((*(*queue)->next())->id);
  }
  std::string bytes = read_file(folder + "/q.lmdb");
  std::filesystem::remove(folder + "/q.lmdb");
  const std::size_t end = std::max(bytes.find_last_not_of('\0') + 1, 2 * kPageBytes);
  bytes.resize((end + kPageBytes - 1) / kPageBytes * kPageBytes);
  return bytes;
}

std::string changed(std::string bytes, FuzzInput input) {
  while (!input.empty()) {
    const std::size_t page = input.take_byte();
    const std::size_t high = input.take_byte();
    const std::size_t place = high << 8 | input.take_byte();
    const std::string_view change = input.take(input.take_byte() % 32U);
    const std::size_t at = page * kPageBytes + place % kPageBytes;
    if (at >= bytes.size()) {
      // A cut.
      if (change.empty()) bytes.resize(bytes.size() - std::min(bytes.size(), place));
      continue;
    }
    bytes.replace(at, std::min(change.size(), bytes.size() - at),
                  change.substr(0, bytes.size() - at));
  }
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Folder folder;
  static const std::array<std::string, 3> files = {made_file(folder.path(), 0, 0),
                                                   made_file(folder.path(), 6, 0),
                                                   made_file(folder.path(), 200, 60)};
  static const bool quiet = [] {
    kernspan::set_log_level(kernspan::LogLevel::kError);
    return std::freopen("/dev/null", "w", stdout) != nullptr;
  }();
  check(quiet);
  FuzzInput input({reinterpret_cast<const char*>(data), size});
  const std::size_t choice = input.take_byte() % 4U;
  const std::string bytes =
      choice == 0 ? std::string(input.take(size)) : changed(files[choice - 1], input);
  folder.clear();
  write_file(folder.path() + "/q.lmdb", bytes);

  Metrics metrics;
  auto queue = FileQueue::open(settings(folder.path()), metrics, {});
  check(queue.has_value());
  // No more comes out than the file has room for.
  const std::size_t most = bytes.size() / 16 + 1;
  std::size_t records = 0;
  while (true) {
    const auto record = (*queue)->next();
    if (!record || !*record) break;
    check(++records <= most);
    if (records % 3 != 0) (*queue)->remove((*record)->id);
  }
  check((*queue)->append(Batch::from_encoder(std::string(9000, 'n'), 1)).has_value());
  const auto last = (*queue)->next();
  check(last && *last && (*last)->batch && (*last)->byte_count == 9000);
  queue->reset();
  // What LMDB made of it is whole again.
  check(kernspan::storage::check_queue_file(folder.path() + "/q.lmdb").has_value());
  return 0;
}
