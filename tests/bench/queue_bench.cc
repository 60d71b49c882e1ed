// What a queue on disk costs: producers hand batches to a sending queue whose peer answers at once,
// in memory and on disk, with and without fsync. Each batch is acknowledged when it is on disk.
//
//   kernspan_queue_bench [DIRECTORY] [SECONDS]
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "pipeline/base/log.h"
#include "pipeline/component/config_yaml.h"
#include "pipeline/exporters/sender/queued_sender.h"
#include "pipeline/extensions/file_storage/file_storage.h"

namespace kernspan {
namespace {

using SteadyClock = std::chrono::steady_clock;

class InstantPeer final : public Transport {
 public:
  Status start() override { return {}; }
  void send(const otlp::Batch&, std::chrono::nanoseconds, Done done) override { done({}); }
  void cancel_all() override {}
  void stop() override {}
};

struct Row {
  const char* name;
  const char* storage;  // settings; null: in memory
};

double cpu_seconds() {
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

ConfigNode settings_of(const std::string& yaml) {
  ConfigWarnings ignored;
  return *parse_config(
      yaml, "bench", [](std::string_view) { return std::optional<std::string>(); }, ignored);
}

void measure(const Row& row, const std::string& directory, std::size_t batch_bytes,
             unsigned producers, std::chrono::milliseconds duration) {
  constexpr std::size_t kSpanBytes = 700;
  Metrics metrics;
  Ledger ledger;
  SystemClock clock;
  Extensions extensions;
  ConfigWarnings warnings;
  const auto context = [&](const char* id) {
    return ComponentContext{.id = id,
                            .path = std::string("exporters::") + id,
                            .pipeline = "",
                            .signals = kTracesOnly,
                            .extensions = extensions,
                            .metrics = metrics,
                            .ledger = ledger,
                            .books = ledger.add_stage(id),
                            .clock = clock,
                            .warnings = warnings};
  };
  std::unique_ptr<Extension> storage;
  SenderSettings settings{.queue = {.queue_size = 1000, .block_on_overflow = true}};
  if (row.storage != nullptr) {
    storage = *file_storage_extension_factory().create(
        settings_of(fmt::format("{{directory: {}, {}}}", directory, row.storage)), context("disk"));
    extensions.add("disk", *storage);
    settings.queue.storage = "disk";
  }
  QueuedSender sender(context("bench"), settings, std::make_unique<InstantPeer>());
  if (!sender.start()) return;

  std::atomic<std::uint64_t> records = 0;
  const double cpu_before = cpu_seconds();
  const auto begin = SteadyClock::now();
  const std::string request(batch_bytes, 'x');
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < producers; ++i) {
    threads.emplace_back([&] {
      while (SteadyClock::now() - begin < duration) {
        const auto batch = otlp::Batch::from_encoder(request, batch_bytes / kSpanBytes);
        if (sender.consume(batch.clone())) ++records;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(SteadyClock::now() - begin).count();
  const double cpu = cpu_seconds() - cpu_before;
  sender.stop(SteadyClock::now() + std::chrono::seconds(10));
  const auto count = static_cast<double>(records.load());
  const double commits =
      metrics.value("kernspan_storage_commits", {{"storage", "disk"}, {"queue", "exporter_bench_"}})
          .value_or(0);
  fmt::print("{:<16} {:>8} {:>9} {:>11.0f} {:>9.1f} {:>9.1f} {:>12.0f}\n", row.name, batch_bytes,
             producers, count / seconds, count * static_cast<double>(batch_bytes) / seconds / 1e6,
             commits / seconds, count / cpu);
}

}  // namespace
}  // namespace kernspan

int main(int argc, char** argv) {
  using namespace kernspan;
  set_log_level(LogLevel::kError);
  const std::string parent = argc > 1 ? argv[1] : std::filesystem::temp_directory_path().string();
  const std::chrono::milliseconds duration(argc > 2 ? 1000 * std::atoi(argv[2]) : 2000);
  fmt::print("{:<16} {:>8} {:>9} {:>11} {:>9} {:>9} {:>12}\n", "queue", "bytes", "producers",
             "records/s", "MB/s", "commits/s", "records/cpu-s");
  for (const std::size_t bytes : {std::size_t{14'000}, std::size_t{360'000}}) {
    for (const Row& row : {Row{"memory", nullptr}, Row{"disk, no fsync", "fsync: false"},
                           Row{"disk, fsync", "fsync: true"}}) {
      for (const unsigned producers : {1U, 8U, 64U}) {
        std::string folder = parent + "/kernspan-queue-bench-XXXXXX";
        if (::mkdtemp(folder.data()) == nullptr) {
          fmt::print(stderr, "cannot write to {}\n", parent);
          return 1;
        }
        measure(row, folder, bytes, producers, duration);
        std::filesystem::remove_all(folder);
      }
    }
  }
  return 0;
}
