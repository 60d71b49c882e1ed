#include "agent/receiver/selectors_file.h"

#include <utility>

#include "pipeline/base/log.h"

namespace kernspan {
namespace {

std::int64_t ns_of(const timespec& time) {
  constexpr std::int64_t kNsPerSecond = 1'000'000'000;
  return std::int64_t{time.tv_sec} * kNsPerSecond + time.tv_nsec;
}

}  // namespace

SelectorsFile::SelectorsFile(Settings settings) : settings_(std::move(settings)) {}

SelectorsFile::~SelectorsFile() {
  stop();
}

std::optional<SelectorsFile::Identity> SelectorsFile::identity_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return Identity{.device = status.st_dev,
                  .inode = status.st_ino,
                  .size = status.st_size,
                  .modified_ns = ns_of(status.st_mtim),
                  .changed_ns = ns_of(status.st_ctim)};
}

Result<std::shared_ptr<const Selectors>> SelectorsFile::start() {
  seen_ = identity_of(settings_.path);
  Result<std::shared_ptr<const Selectors>> first =
      load_selectors(settings_.path, settings_.defaults);
  if (!first) return first;
  {
    const std::scoped_lock lock(mutex_);
    is_running_ = true;
  }
  thread_ = std::thread([this] { run(); });
  return first;
}

void SelectorsFile::stop() {
  {
    const std::scoped_lock lock(mutex_);
    is_running_ = false;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void SelectorsFile::run() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, settings_.interval, [this] { return !is_running_; })) {
    lock.unlock();
    look();
    lock.lock();
  }
}

void SelectorsFile::look() {
  // Before the reading: what changes in the middle of it is seen the next time.
  const std::optional<Identity> identity = identity_of(settings_.path);
  if (identity == seen_) return;
  seen_ = identity;
  Result<std::shared_ptr<const Selectors>> read =
      load_selectors(settings_.path, settings_.defaults);
  const std::scoped_lock lock(mutex_);
  counters_.is_refused = !read;
  if (!read) {
    ++counters_.refused;
    log_error("ebpf: the selectors stay as they were: {}", read.error().message);
    return;
  }
  ++counters_.taken;
  log_info("ebpf: {} has changed: {} selectors are in force", settings_.path,
           (*read)->rules().size());
  selectors_ = *std::move(read);
}

std::shared_ptr<const Selectors> SelectorsFile::take() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(selectors_, nullptr);
}

SelectorsFileCounters SelectorsFile::counters() const {
  const std::scoped_lock lock(mutex_);
  return counters_;
}

}  // namespace kernspan
