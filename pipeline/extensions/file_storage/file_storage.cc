#include "pipeline/extensions/file_storage/file_storage.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/component/config_reader.h"
#include "pipeline/component/storage.h"
#include "pipeline/extensions/file_storage/file_queue.h"

namespace kernspan {
namespace {

using storage::FileQueue;
using storage::FileQueueSettings;

constexpr const char* kDefaultDirectory = "/var/lib/otelcol/file_storage";
constexpr const char* kUnfinishedCopy = ".lmdb.compacting";

struct FileStorageSettings {
  FileQueueSettings queue{.directory = kDefaultDirectory, .name = ""};
  bool create_directory = false;
  std::string directory_permissions = "0750";
  bool recreate = false;

  mode_t permissions() const {
    return static_cast<mode_t>(std::strtoul(directory_permissions.c_str(), nullptr, 8));
  }
};

class FileStorage final : public Extension, public StorageExtension {
 public:
  FileStorage(FileStorageSettings settings, const ComponentContext& context)
      : settings_(std::move(settings)),
        id_(context.id),
        path_(context.path),
        metrics_(context.metrics) {}

  Status start() override {
    if (Status usable = prepare(settings_.queue.directory, "directory"); !usable) return usable;
    const storage::CompactionSettings& compaction = settings_.queue.compaction;
    const bool compacts = compaction.on_start || compaction.on_rebound;
    if (compacts && !compaction.directory.empty()) {
      if (Status usable = prepare(compaction.directory, "compaction::directory"); !usable) {
        return usable;
      }
    }
    if (compaction.cleanup_on_start) {
      remove_unfinished_copies(compaction.directory.empty() ? settings_.queue.directory
                                                            : compaction.directory);
    }
    if (!settings_.queue.fsync) {
      log_warn("{}: fsync is off: when the machine loses power, data that was accepted is lost",
               path_);
    }
    return {};
  }

  void stop(std::chrono::steady_clock::time_point) override {}

  Result<std::unique_ptr<DurableQueue>> open_queue(const std::string& owner_path) override {
    FileQueueSettings settings = settings_.queue;
    settings.name = storage::queue_file_name(owner_path);
    const std::string upstream_file = settings.directory + "/" + settings.name;
    for (const char* ending : {"", "_traces", "_metrics"}) {
      if (!std::filesystem::exists(upstream_file + ending)) continue;
      log_warn(
          "{}: {}{} is a queue of the OpenTelemetry Collector, which cannot be read here: let "
          "the collector send what is in it",
          path_, upstream_file, ending);
    }
    auto queue = FileQueue::open(settings, metrics_, {{"storage", id_}, {"queue", settings.name}});
    if (!queue) {
      return permanent(fmt::format("{}: {}", path_, queue.error().message));
    }
    return *std::move(queue);
  }

 private:
  Status prepare(const std::string& directory, const char* key) const {
    std::error_code problem;
    if (!std::filesystem::is_directory(directory, problem)) {
      if (!settings_.create_directory) {
        return permanent(fmt::format(
            "{}: {} does not exist or is not a directory: make it, set create_directory, or set "
            "{}::{} to one that exists",
            path_, directory, path_, key));
      }
      if (!make_directories(directory)) {
        return permanent(
            fmt::format("{}: cannot make {}: {}", path_, directory, std::strerror(errno)));
      }
    }
    if (::access(directory.c_str(), W_OK | X_OK) != 0) {
      return permanent(fmt::format(
          "{}: cannot write to {}: {}: mount it writable for the user {}, or set {}::{} to a "
          "directory that is",
          path_, directory, std::strerror(errno), ::geteuid(), path_, key));
    }
    return {};
  }

  bool make_directories(const std::filesystem::path& directory) const {
    if (std::filesystem::is_directory(directory)) return true;
    if (directory.has_parent_path() && directory.parent_path() != directory &&
        !make_directories(directory.parent_path())) {
      return false;
    }
    return ::mkdir(directory.c_str(), settings_.permissions()) == 0 || errno == EEXIST;
  }

  void remove_unfinished_copies(const std::string& directory) const {
    std::error_code problem;
    for (const auto& entry : std::filesystem::directory_iterator(directory, problem)) {
      if (!entry.path().string().ends_with(kUnfinishedCopy)) continue;
      if (std::filesystem::remove(entry.path(), problem)) {
        log_info("{}: removed {}, which a compaction did not finish", path_, entry.path().string());
      }
    }
  }

  const FileStorageSettings settings_;
  const std::string id_;
  const std::string path_;
  Metrics& metrics_;
};

void read_mib(ConfigReader& reader, std::string_view key, std::uint64_t* bytes) {
  constexpr std::uint64_t kMaxMib = std::uint64_t{1} << 30;
  std::uint64_t mib = *bytes >> 20;
  reader.integer<std::uint64_t>(key, &mib, 0, kMaxMib);
  *bytes = mib << 20;
}

// Upstream's 0 is no bound; here it is the default one.
void read_max_size(ConfigReader& reader, std::uint64_t* max_bytes) {
  constexpr std::uint64_t kMinBytes = std::uint64_t{16} << 20;
  std::uint64_t bytes = 0;
  reader.bytes("max_size", &bytes);
  if (bytes != 0 && bytes < kMinBytes) reader.error("max_size", "must be at least 16MiB");
  if (bytes != 0) *max_bytes = bytes;
}

void read_compaction(ConfigReader& reader, storage::CompactionSettings* compaction) {
  reader.boolean("on_start", &compaction->on_start);
  reader.boolean("on_rebound", &compaction->on_rebound);
  reader.string("directory", &compaction->directory);
  read_mib(reader, "rebound_needed_threshold_mib", &compaction->rebound_needed_threshold_bytes);
  read_mib(reader, "rebound_trigger_threshold_mib", &compaction->rebound_trigger_threshold_bytes);
  reader.duration("check_interval", &compaction->check_interval, std::chrono::milliseconds{10});
  reader.boolean("cleanup_on_start", &compaction->cleanup_on_start);
  std::uint64_t max_transaction_size = 0;
  reader.integer<std::uint64_t>("max_transaction_size", &max_transaction_size);
  if (max_transaction_size != 0) {
    reader.warning("max_transaction_size", "has no effect: a compaction is one copy of the file");
  }
  if (compaction->on_rebound &&
      compaction->rebound_needed_threshold_bytes <= compaction->rebound_trigger_threshold_bytes) {
    reader.error("rebound_trigger_threshold_mib", "must be less than rebound_needed_threshold_mib");
  }
}

Result<std::unique_ptr<Extension>> create_file_storage(const ConfigNode& node,
                                                       const ComponentContext& context) {
  FileStorageSettings settings;
  FileQueueSettings& queue = settings.queue;
  ConfigReader reader(node, context.warnings, context.path);
  reader.string("directory", &queue.directory);
  reader.duration("timeout", &queue.lock_timeout);
  reader.boolean("fsync", &queue.fsync);
  reader.boolean("create_directory", &settings.create_directory);
  reader.string("directory_permissions", &settings.directory_permissions);
  // What it asks for, that a damaged file does not keep the collector from starting, holds anyway.
  reader.boolean("recreate", &settings.recreate);
  read_max_size(reader, &queue.max_bytes);
  read_compaction(reader.section("compaction"), &queue.compaction);
  if (queue.directory.empty()) reader.error("directory", "must not be empty");
  const std::string& permissions = settings.directory_permissions;
  if (permissions.empty() || permissions.size() > 4 ||
      permissions.find_first_not_of("01234567") != std::string::npos) {
    reader.error("directory_permissions", "must be an octal number like \"0750\"");
  }
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return std::make_unique<FileStorage>(std::move(settings), context);
}

}  // namespace

ExtensionFactory file_storage_extension_factory() {
  return {.type = "file_storage", .create = create_file_storage};
}

}  // namespace kernspan
