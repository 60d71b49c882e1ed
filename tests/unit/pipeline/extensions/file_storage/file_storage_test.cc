#include "pipeline/extensions/file_storage/file_storage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/component/storage.h"
#include "pipeline/extensions/file_storage/queue_files.h"
#include "tests/unit/pipeline/component_stage.h"
#include "tests/unit/pipeline/extensions/file_storage/queue_fixture.h"

namespace kernspan {
namespace {

using ::testing::HasSubstr;

class FileStorageTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<Extension>> create(const std::string& yaml) {
    return file_storage_extension_factory().create(ComponentStage::yaml(yaml), stage_.context());
  }
  std::string problem(const std::string& yaml) {
    const auto made = create(yaml);
    return made ? "" : made.error().message;
  }
  std::unique_ptr<Extension> start(const std::string& yaml, Status* started) {
    auto made = create(yaml);
    EXPECT_TRUE(made) << made.error().message;
    *started = (*made)->start();
    return *std::move(made);
  }

  ComponentStage stage_{"file_storage"};
  storage::TemporaryFolder folder_;
};

TEST_F(FileStorageTest, TakesAllUpstreamKeys) {
  EXPECT_EQ(problem(R"(
directory: /var/lib/otelcol/file_storage
timeout: 1s
fsync: true
create_directory: true
directory_permissions: "0750"
recreate: true
compaction:
  on_start: true
  on_rebound: true
  directory: /tmp
  max_transaction_size: 65536
  rebound_needed_threshold_mib: 100
  rebound_trigger_threshold_mib: 10
  check_interval: 5s
  cleanup_on_start: true
)"),
            "");
  EXPECT_THAT(stage_.warnings.messages,
              ::testing::ElementsAre(HasSubstr("max_transaction_size: has no effect")));
}

TEST_F(FileStorageTest, RefusesWhatCannotWork) {
  EXPECT_THAT(problem("{directory: \"\"}"), HasSubstr("must not be empty"));
  EXPECT_THAT(problem("{directory_permissions: rwx}"), HasSubstr("octal number"));
  EXPECT_THAT(problem("{max_size: 1MiB}"), HasSubstr("max_size"));
  EXPECT_THAT(problem("{compaction: {on_rebound: true, rebound_needed_threshold_mib: 5}}"),
              HasSubstr("must be less than"));
  EXPECT_THAT(problem("{path: /tmp}"), HasSubstr("unknown key"));
}

TEST_F(FileStorageTest, SaysWhatToDoAboutAMissingDirectory) {
  Status started;
  const auto storage = start("{directory: " + folder_.path() + "/a/b}", &started);
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr(folder_.path() + "/a/b does not exist"));
  EXPECT_THAT(started.error().message, HasSubstr("set create_directory"));
}

TEST_F(FileStorageTest, MakesItsDirectoryWhenAsked) {
  Status started;
  const auto storage = start(
      "{create_directory: true, directory_permissions: \"0700\", directory: " + folder_.path() +
          "/a/b}",
      &started);
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_EQ(std::filesystem::status(folder_.path() + "/a/b").permissions(),
            std::filesystem::perms::owner_all);
}

TEST_F(FileStorageTest, CleansUpAfterUnfinishedCompactions) {
  storage::write_file(folder_.path() + "/x.lmdb.compacting", "half");
  storage::write_file(folder_.path() + "/precious", "whole");
  Status started;
  const auto storage =
      start("{compaction: {cleanup_on_start: true}, directory: " + folder_.path() + "}", &started);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/x.lmdb.compacting"));
  EXPECT_TRUE(std::filesystem::exists(folder_.path() + "/precious"));
}

TEST_F(FileStorageTest, EachComponentHasItsOwnQueue) {
  Status started;
  const auto extension = start("{directory: " + folder_.path() + "}", &started);
  ASSERT_TRUE(started);
  auto* storage = dynamic_cast<StorageExtension*>(extension.get());
  ASSERT_NE(storage, nullptr);
  const auto one = storage->open_queue("exporters::otlp");
  const auto two = storage->open_queue("exporters::otlp/hub");
  ASSERT_TRUE(one && two);
  EXPECT_TRUE((*one)->append(storage::batch_of("one")));
  EXPECT_FALSE(*(*two)->next());
  EXPECT_TRUE(std::filesystem::exists(folder_.path() + "/exporter_otlp_hub.lmdb"));
  EXPECT_EQ(stage_.metric("kernspan_storage_appended_records",
                          {{"storage", "file_storage"}, {"queue", "exporter_otlp_"}}),
            1);
}

TEST(QueueFileName, HasNothingThatAFileNameMustNotHave) {
  EXPECT_EQ(storage::queue_file_name("exporters::otlp"), "exporter_otlp_");
  EXPECT_EQ(storage::queue_file_name("exporters::otlp/eu-west.1"), "exporter_otlp_eu-west.1");
  EXPECT_EQ(storage::queue_file_name("exporters::otlp/../a b"), "exporter_otlp_..~2Fa~20b");
}

}  // namespace
}  // namespace kernspan
