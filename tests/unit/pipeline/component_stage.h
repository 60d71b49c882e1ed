// What a component under test stands on: metrics, books, settings from YAML, and a consumer that
// remembers what it was given.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/component/config_yaml.h"
#include "pipeline/component/factory.h"
#include "pipeline/otlp/batch.h"

namespace kernspan {

// How long a test waits for something that is sure to happen; only a broken program waits so long.
inline constexpr std::chrono::seconds kPatience{20};

class ComponentStage {
 public:
  explicit ComponentStage(std::string id, const Clock* clock = nullptr)
      : id_(std::move(id)), clock_(clock == nullptr ? system_clock_ : *clock) {}

  ComponentContext context() {
    return {.id = id_,
            .path = "test::" + id_,
            .pipeline = "traces",
            .signals = signals,
            .extensions = extensions,
            .metrics = metrics,
            .ledger = ledger,
            .books = books,
            .clock = clock_,
            .warnings = warnings};
  }

  // Settings as a user writes them; "" stands for no settings at all.
  static ConfigNode yaml(const std::string& text) {
    ConfigWarnings ignored;
    const auto no_environment = [](std::string_view) { return std::optional<std::string>(); };
    auto node = parse_config(text, "test.yaml", no_environment, ignored);
    EXPECT_TRUE(node) << node.error().message;
    return node ? std::move(*node) : ConfigNode();
  }

  double metric(const std::string& name, MetricLabels labels) const {
    return metrics.value(name, labels).value_or(-1);
  }

  Metrics metrics;
  Ledger ledger;
  StageBooks& books = ledger.add_stage("test");
  ConfigWarnings warnings;
  otlp::Signals signals = kTracesOnly;
  Extensions extensions;

 private:
  const std::string id_;
  SystemClock system_clock_;
  const Clock& clock_;
};

// Answers with the errors it was given, in order, and takes everything after these. Any thread.
class RememberingConsumer final : public Consumer {
 public:
  Status consume(otlp::Batch batch) override {
    const std::scoped_lock lock(mutex_);
    ++calls_;
    changed_.notify_all();
    if (!answers_.empty()) {
      const Error error = answers_.front();
      answers_.pop_front();
      return std::unexpected(error);
    }
    if (refuse_all_) return retryable("not now");
    spans_ += batch.item_count();
    sizes_.push_back(batch.item_count());
    for (const std::string_view slice : batch.slices()) bytes_ += slice;
    return {};
  }

  void answer_next(Error error) {
    const std::scoped_lock lock(mutex_);
    answers_.push_back(std::move(error));
  }
  void refuse_all(bool refuse) {
    const std::scoped_lock lock(mutex_);
    refuse_all_ = refuse;
  }

  bool wait_for_spans(std::size_t spans) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return spans_ >= spans; });
  }
  bool wait_for_calls(std::size_t calls) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return calls_ >= calls; });
  }

  std::size_t spans() const {
    const std::scoped_lock lock(mutex_);
    return spans_;
  }
  std::vector<std::size_t> sizes() const {
    const std::scoped_lock lock(mutex_);
    return sizes_;
  }
  std::string bytes() const {
    const std::scoped_lock lock(mutex_);
    return bytes_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Error> answers_;
  bool refuse_all_ = false;
  std::size_t calls_ = 0;
  std::size_t spans_ = 0;
  std::vector<std::size_t> sizes_;
  std::string bytes_;
};

}  // namespace kernspan
