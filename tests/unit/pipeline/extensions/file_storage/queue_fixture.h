// Durable queues in a folder of their own.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/extensions/file_storage/file_queue.h"

namespace kernspan::storage {

// A folder that goes with its owner.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "kernspan-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::string text_of(const otlp::Batch& batch) {
  std::string text;
  for (const std::string_view slice : batch.slices()) text += slice;
  return text;
}

// The queue stores bytes as they are: these need not be requests.
inline otlp::Batch batch_of(const std::string& text, std::size_t items = 1) {
  return otlp::Batch::from_encoder(text, items);
}

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

class QueueFixture : public ::testing::Test {
 protected:
  FileQueueSettings settings() {
    FileQueueSettings settings{.directory = folder_.path(), .name = "exporter_otlp_x"};
    settings.lock_timeout = std::chrono::milliseconds(0);
    return settings;
  }
  std::string path() const { return folder_.path() + "/exporter_otlp_x.lmdb"; }

  Result<std::unique_ptr<FileQueue>> try_open(const FileQueueSettings& settings) {
    return FileQueue::open(settings, metrics_, {});
  }
  std::unique_ptr<FileQueue> open(const FileQueueSettings& settings) {
    auto queue = try_open(settings);
    EXPECT_TRUE(queue) << queue.error().message;
    return queue ? *std::move(queue) : nullptr;
  }
  std::unique_ptr<FileQueue> open() { return open(settings()); }

  // A queue on disk that is not open.
  void store(const std::vector<std::string>& texts) {
    const auto queue = open();
    for (const std::string& text : texts) ASSERT_TRUE(queue->append(batch_of(text)));
  }

  // Everything that was not read yet, damaged records as "".
  static std::vector<std::string> read_all(FileQueue& queue, bool remove = false) {
    std::vector<std::string> texts;
    while (true) {
      auto record = queue.next();
      EXPECT_TRUE(record) << record.error().message;
      if (!record || !*record) return texts;
      texts.push_back((*record)->batch ? text_of(*(*record)->batch) : "");
      if (remove) queue.remove((*record)->id);
    }
  }

  // Files beside the queue's own and its lock.
  std::vector<std::string> other_files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      const std::string name = entry.path().filename();
      if (name != "exporter_otlp_x.lmdb" && name != "exporter_otlp_x.lock") names.push_back(name);
    }
    return names;
  }

  double metric(const std::string& name) const {
    return metrics_.value("kernspan_storage_" + name).value_or(-1);
  }

  TemporaryFolder folder_;
  Metrics metrics_;
};

}  // namespace kernspan::storage
