// A file of selectors that is watched: a ConfigMap that is mounted as a directory changes by a swap of
// symbolic links, other files by being written or replaced. All of these show in what stat() says of
// the path.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "agent/receiver/selector_settings.h"
#include "pipeline/base/error.h"

namespace kernspan {

struct SelectorsFileCounters {
  std::uint64_t taken = 0;    // changes that are in force
  std::uint64_t refused = 0;  // changes that are not valid, or could not be read
  bool is_refused = false;    // the file as it is now
};

class SelectorsFile {
 public:
  struct Settings {
    std::string path = {};
    SpanSettings defaults = {};
    // The kubelet itself takes up to a minute to change the file of a ConfigMap.
    std::chrono::nanoseconds interval = std::chrono::seconds(1);
  };

  explicit SelectorsFile(Settings settings);
  ~SelectorsFile();
  SelectorsFile(const SelectorsFile&) = delete;
  SelectorsFile& operator=(const SelectorsFile&) = delete;

  // The first reading must succeed: no rules would be all rules. Then a thread watches.
  Result<std::shared_ptr<const Selectors>> start();
  void stop();  // idempotent

  // What has been read since the last call; null: nothing. Any thread.
  std::shared_ptr<const Selectors> take();
  SelectorsFileCounters counters() const;

  // Looks once: the thread's work. A file that is not valid changes nothing, and is said so once.
  void look();

 private:
  struct Identity {
    dev_t device;
    ino_t inode;
    off_t size;
    std::int64_t modified_ns;
    std::int64_t changed_ns;
    bool operator==(const Identity&) const = default;
  };

  static std::optional<Identity> identity_of(const std::string& path);
  void run();

  const Settings settings_;
  std::optional<Identity> seen_;  // of the thread, after start()
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool is_running_ = false;                     // guarded by mutex_
  std::shared_ptr<const Selectors> selectors_;  // guarded by mutex_
  SelectorsFileCounters counters_;              // guarded by mutex_
  std::thread thread_;
};

}  // namespace kernspan
