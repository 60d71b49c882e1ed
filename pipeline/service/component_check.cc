#include "pipeline/service/component_check.h"

#include <fmt/format.h>

#include <string>
#include <vector>

namespace kernspan {
namespace {

class DiscardingConsumer final : public TracesConsumer {
 public:
  Status consume(otlp::Batch) override { return {}; }  // never called: nothing is started
};

// Tries the settings of all components of one kind.
class ComponentCheck {
 public:
  ComponentCheck(const Clock& clock, ConfigWarnings& warnings)
      : clock_(clock), warnings_(warnings) {}

  template <typename Factory>
  void check(const char* section, const std::vector<ComponentSettings>& components,
             const std::vector<Factory>& table) {
    for (const ComponentSettings& component : components) {
      const Factory& factory = *find_factory(table, component.type);
      const std::string path = fmt::format("{}::{}", section, component.id);
      if (factory.type != component.type) {
        warnings_.add(component.position,
                      fmt::format("{}: the type \"{}\" is now called \"{}\"; rename it", path,
                                  component.type, factory.type));
      }
      const ComponentContext context{.id = component.id,
                                     .path = path,
                                     .pipeline = "",
                                     .metrics = metrics_,
                                     .ledger = ledger_,
                                     .books = ledger_.add_stage(path),
                                     .clock = clock_,
                                     .warnings = warnings_};
      if constexpr (requires { factory.create(component.node, context, nowhere_); }) {
        note(factory.create(component.node, context, nowhere_));
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
  template <typename Made>
  void note(const Result<Made>& made) {
    if (made) return;
    if (!errors_.empty()) errors_ += '\n';
    errors_ += made.error().message;
  }

  const Clock& clock_;
  ConfigWarnings& warnings_;
  Metrics metrics_;  // thrown away with the components
  Ledger ledger_;
  DiscardingConsumer nowhere_;
  std::string errors_;
};

}  // namespace

Status check_components(const ServiceSettings& settings, const Registry& registry,
                        const Clock& clock, ConfigWarnings& warnings) {
  ComponentCheck check(clock, warnings);
  check.check("extensions", settings.extensions, registry.extensions);
  check.check("receivers", settings.receivers, registry.receivers);
  check.check("processors", settings.processors, registry.processors);
  check.check("exporters", settings.exporters, registry.exporters);
  return check.finish();
}

}  // namespace kernspan
