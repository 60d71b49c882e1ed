#include "pipeline/service/component_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace kernspan {
namespace {

class DiscardingConsumer final : public Consumer {
 public:
  Status consume(otlp::Batch) override { return {}; }  // never called: nothing is started
};

// Tries the settings of all components of one kind.
class ComponentCheck {
 public:
  ComponentCheck(const std::vector<ComponentReference>& used_extensions, const Clock& clock,
                 ConfigWarnings& warnings)
      : used_extensions_(used_extensions), clock_(clock), warnings_(warnings) {}

  template <typename Factory>
  void check(const char* section, const std::vector<ComponentSettings>& components,
             const std::vector<Factory>& table) {
    for (const ComponentSettings& component : components) {
      const Factory& factory = *find_factory(table, component.type);
      const std::string path = fmt::format("{}::{}", section, component.id);
      const ComponentContext context{.id = component.id,
                                     .path = path,
                                     .pipeline = "",
                                     .signals = signals_of(factory),
                                     .extensions = extensions_,
                                     .metrics = metrics_,
                                     .ledger = ledger_,
                                     .books = ledger_.add_stage(path),
                                     .clock = clock_,
                                     .warnings = warnings_};
      if constexpr (requires { factory.conversions; }) {
        note(factory.create(component.node, context, ConnectorOutputs{nowhere_, {}}));
      } else if constexpr (requires { factory.create(component.node, context, nowhere_); }) {
        note(factory.create(component.node, context, nowhere_));
      } else if constexpr (std::is_same_v<Factory, ExtensionFactory>) {
        auto made = factory.create(component.node, context);
        note(made);
        if (made) keep_if_used(component.id, *std::move(made));
      } else {
        note(factory.create(component.node, context));
      }
    }
  }

  Status finish() {
    if (errors_.empty()) return {};
    return permanent(errors_);
  }

 private:
  // For the components that look for it.
  void keep_if_used(const std::string& id, std::unique_ptr<Extension> extension) {
    if (std::ranges::find(used_extensions_, id, &ComponentReference::id) ==
        used_extensions_.end()) {
      return;
    }
    extensions_.add(id, *extension);
    kept_.push_back(std::move(extension));
  }

  template <typename Factory>
  static otlp::Signals signals_of(const Factory& factory) {
    otlp::Signals signals;
    if constexpr (requires { factory.signals; }) signals = factory.signals;
    if constexpr (requires { factory.conversions; }) {
      for (const auto& [from, to] : factory.conversions) signals.add(from);
    }
    return signals;
  }

  template <typename Made>
  void note(const Result<Made>& made) {
    if (made) return;
    if (!errors_.empty()) errors_ += '\n';
    errors_ += made.error().message;
  }

  const std::vector<ComponentReference>& used_extensions_;
  const Clock& clock_;
  ConfigWarnings& warnings_;
  Metrics metrics_;  // thrown away with the components
  Ledger ledger_;
  DiscardingConsumer nowhere_;
  Extensions extensions_;
  std::vector<std::unique_ptr<Extension>> kept_;  // what extensions_ borrows
  std::string errors_;
};

}  // namespace

Status check_components(const ServiceSettings& settings, const Registry& registry,
                        const Clock& clock, ConfigWarnings& warnings) {
  ComponentCheck check(settings.used_extensions, clock, warnings);
  check.check("extensions", settings.extensions, registry.extensions);
  check.check("receivers", settings.receivers, registry.receivers);
  check.check("processors", settings.processors, registry.processors);
  check.check("exporters", settings.exporters, registry.exporters);
  check.check("connectors", settings.connectors, registry.connectors);
  return check.finish();
}

}  // namespace kernspan
