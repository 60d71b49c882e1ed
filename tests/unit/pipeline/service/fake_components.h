#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/component/config_reader.h"
#include "pipeline/component/registry.h"
#include "pipeline/component/service_view.h"
#include "pipeline/otlp/batch.h"

namespace kernspan {

// Components of one type, "fake", that write down what happens to them, and the table that makes
// them. Their settings: `fail_start: true`; an exporter's `refuse: permanent` or `refuse:
// retryable`.
class FakeComponents {
 public:
  Registry registry() {
    Registry registry;
    registry.receivers.push_back(
        {.type = "fake",
         .deprecated_names = {"fake_old"},
         .signals = kTracesAndMetrics,
         .create = [this](const ConfigNode& node, const ComponentContext& context, Consumer& next) {
           return make<Receiver, FakeReceiver>(node, context, &next);
         }});
    registry.processors.push_back(
        {.type = "fake",
         .create = [this](const ConfigNode& node, const ComponentContext& context, Consumer& next) {
           return make<Processor, FakeProcessor>(node, context, &next);
         }});
    registry.exporters.push_back(
        {.type = "fake",
         .signals = kTracesAndMetrics,
         .create = [this](const ConfigNode& node, const ComponentContext& context) {
           return make<Exporter, FakeExporter>(node, context, nullptr);
         }});
    using enum otlp::Signal;
    registry.connectors.push_back(
        {.type = "fake_conn",
         .conversions = {{kTraces, kTraces}, {kTraces, kMetrics}},
         .create = [this](const ConfigNode& node, const ComponentContext& context,
                          const ConnectorOutputs& next) {
           return make<Connector, FakeConnector>(node, context, &next.all);
         }});
    registry.extensions.push_back(
        {.type = "fake_ext",
         .create = [this](const ConfigNode& node, const ComponentContext& context) {
           return make<Extension, FakeExtension>(node, context, nullptr);
         }});
    return registry;
  }

  // What happened, in order: "start exporters::fake", "spans 3 at exporters::fake".
  std::vector<std::string> events;
  // Makes the newest receiver of that id pass on a batch.
  Status emit(const std::string& id, std::size_t items,
              otlp::Signal signal = otlp::Signal::kTraces) {
    return receivers_.at(id)->consume(otlp::Batch::from_encoder("x", items, signal));
  }
  std::chrono::steady_clock::time_point last_deadline;
  const ServiceView* view = nullptr;  // what the extensions were shown

 private:
  struct Settings {
    std::string path;
    std::string pipeline;
    bool fail_start = false;
    std::string refuse;
  };

  // Base is Receiver, Processor, Exporter, Connector or Extension.
  template <typename Base>
  class Fake : public Base {
   public:
    Fake(FakeComponents& owner, Settings settings, Consumer* next)
        : owner_(owner), settings_(std::move(settings)), next_(next) {}

    Status start() override {
      note("start");
      if (settings_.fail_start) return permanent("told to fail");
      return {};
    }
    void stop(std::chrono::steady_clock::time_point deadline) override {
      note("stop");
      owner_.last_deadline = deadline;
    }

   protected:
    void note(const std::string& event) {
      const std::string& pipeline = settings_.pipeline;
      owner_.events.push_back(event + " " + settings_.path +
                              (pipeline.empty() ? "" : " (" + pipeline + ")"));
    }

    FakeComponents& owner_;
    const Settings settings_;
    Consumer* const next_;
  };

  class FakeReceiver final : public Fake<Receiver> {
   public:
    using Fake::Fake;
    Status consume(otlp::Batch batch) { return next_->consume(std::move(batch)); }
  };

  class FakeProcessor final : public Fake<Processor> {
   public:
    using Fake::Fake;
    Status consume(otlp::Batch batch) override {
      note("through");
      return next_->consume(std::move(batch));
    }
  };

  class FakeExporter final : public Fake<Exporter> {
   public:
    using Fake::Fake;
    Status consume(otlp::Batch batch) override {
      if (settings_.refuse == "permanent") return permanent("never " + settings_.path);
      if (settings_.refuse == "retryable") return retryable("later " + settings_.path);
      note(std::string(otlp::items_of(batch.signal())) + " " + std::to_string(batch.item_count()) +
           " at");
      return {};
    }
    Status admit(otlp::Signal, std::size_t) override {
      if (settings_.refuse == "admission") return retryable(settings_.path + " is full");
      return {};
    }
  };

  // Passes traces on to pipelines of traces, and one data point for each batch to those of metrics.
  class FakeConnector final : public Fake<Connector> {
   public:
    using Fake::Fake;
    Status consume(otlp::Batch batch) override {
      note("through");
      if (settings_.refuse == "to_metrics") {
        return next_->consume(otlp::Batch::from_encoder("x", 1, otlp::Signal::kMetrics));
      }
      return next_->consume(std::move(batch));
    }
  };

  class FakeExtension final : public Fake<Extension>, public ServiceObserver {
   public:
    using Fake::Fake;
    void observe(const ServiceView& shown) override { owner_.view = &shown; }
    void pipelines_ready() override { note("ready"); }
    void pipelines_not_ready() override { note("not ready"); }
  };

  template <typename Base, typename Made>
  Result<std::unique_ptr<Base>> make(const ConfigNode& node, const ComponentContext& context,
                                     Consumer* next) {
    Settings settings{.path = context.path, .pipeline = context.pipeline, .refuse = ""};
    ConfigReader reader(node, context.warnings, context.path);
    reader.boolean("fail_start", &settings.fail_start);
    reader.string("refuse", &settings.refuse);
    if (const Status read = reader.finish(); !read) return std::unexpected(read.error());
    auto made = std::make_unique<Made>(*this, std::move(settings), next);
    if constexpr (std::is_same_v<Made, FakeReceiver>) receivers_[context.id] = made.get();
    return made;
  }

  std::map<std::string, FakeReceiver*> receivers_;
};

}  // namespace kernspan
