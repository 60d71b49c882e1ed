#include "pipeline/service/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "pipeline/base/edit_distance.h"
#include "pipeline/component/config_reader.h"
#include "pipeline/service/known_types.h"
#include "pipeline/service/pipeline_checks.h"
#include "pipeline/service/telemetry_settings.h"

namespace kernspan {
namespace {

constexpr std::array<std::string_view, 4> kSignals = {"traces", "metrics", "logs", "profiles"};

// The types of one kind, and where else a type may belong.
struct Kind {
  const char* singular;  // "receiver"
  const char* section;   // "receivers"
  std::vector<std::string> types;
  std::vector<std::string> old_types;

  bool knows(const std::string& type) const {
    return std::ranges::find(types, type) != types.end() ||
           std::ranges::find(old_types, type) != old_types.end();
  }
};

template <typename Factory>
Kind kind_of(const char* singular, const char* section, const std::vector<Factory>& table) {
  Kind kind{singular, section, {}, {}};
  for (const Factory& factory : table) {
    kind.types.push_back(factory.type);
    for (const std::string& name : factory.deprecated_names) kind.old_types.push_back(name);
  }
  std::ranges::sort(kind.types);
  return kind;
}

bool is_configured(const std::vector<ComponentSettings>& components, std::string_view id) {
  return std::ranges::find(components, id, &ComponentSettings::id) != components.end();
}

std::optional<otlp::Signal> signal_named(std::string_view name) {
  for (const otlp::Signal signal : otlp::kAllSignals) {
    if (otlp::name_of(signal) == name) return signal;
  }
  return std::nullopt;
}

std::vector<std::string> ids_of(const std::vector<ComponentSettings>& components) {
  std::vector<std::string> ids;
  ids.reserve(components.size());
  for (const ComponentSettings& component : components) ids.push_back(component.id);
  return ids;
}

// Reads the configuration from top to bottom and collects what is wrong with it.
class SettingsReader {
 public:
  SettingsReader(const ConfigNode& root, const Registry& registry, ConfigWarnings& warnings,
                 ServiceSettings& settings)
      : registry_(registry),
        warnings_(warnings),
        settings_(settings),
        reader_(root, warnings),
        types_(registry),
        receivers_(kind_of("receiver", "receivers", registry.receivers)),
        processors_(kind_of("processor", "processors", registry.processors)),
        exporters_(kind_of("exporter", "exporters", registry.exporters)),
        connectors_(kind_of("connector", "connectors", registry.connectors)),
        extensions_(kind_of("extension", "extensions", registry.extensions)) {}

  Status read() {
    settings_.receivers = read_components(receivers_);
    settings_.processors = read_components(processors_);
    settings_.exporters = read_components(exporters_);
    settings_.connectors = read_components(connectors_);
    settings_.extensions = read_components(extensions_);
    if (settings_.receivers.empty() && settings_.connectors.empty()) report_none(receivers_);
    if (settings_.exporters.empty() && settings_.connectors.empty()) report_none(exporters_);
    read_service(reader_.section("service"));
    check_pipelines(settings_, registry_, reader_);
    Status read = reader_.finish();
    if (read) warn_of_unused();
    return read;
  }

 private:
  void warn_of_unused() {
    std::set<std::string> used;
    const auto note = [&used](const Kind& kind, const std::vector<ComponentReference>& list) {
      for (const ComponentReference& reference : list) {
        used.insert(fmt::format("{}::{}", kind.section, reference.id));
      }
    };
    note(extensions_, settings_.used_extensions);
    for (const PipelineSettings& pipeline : settings_.pipelines) {
      note(receivers_, pipeline.receivers);
      note(processors_, pipeline.processors);
      note(exporters_, pipeline.exporters);
      note(connectors_, pipeline.connectors_in);
      note(connectors_, pipeline.connectors_out);
    }
    const auto warn = [this, &used](const Kind& kind, const auto& components) {
      for (const ComponentSettings& component : components) {
        const std::string path = fmt::format("{}::{}", kind.section, component.id);
        if (used.contains(path)) continue;
        warnings_.add(component.position,
                      path + ": is configured, but nothing under service uses it");
      }
    };
    warn(receivers_, settings_.receivers);
    warn(processors_, settings_.processors);
    warn(exporters_, settings_.exporters);
    warn(connectors_, settings_.connectors);
    warn(extensions_, settings_.extensions);
  }

  void report_none(const Kind& kind) {
    const ConfigNode* section = reader_.root().find(kind.section);
    if (section != nullptr && section->is_map() && !section->entries().empty()) return;
    reader_.add_problem(
        section != nullptr ? section->position() : reader_.root().position(),
        fmt::format(
            "no {} configuration specified in config; add one under {}, or, if this is a part "
            "of a configuration, give the other parts with further --config options",
            kind.singular, kind.section));
  }

  std::vector<ComponentSettings> read_components(const Kind& kind) {
    std::vector<ComponentSettings> components;
    const ConfigNode* section = reader_.node(kind.section);
    if (section == nullptr) return components;
    if (!section->is_map()) {
      reader_.error(kind.section, fmt::format("expected a map of {}, found {}", kind.section,
                                              section->describe()));
      return components;
    }
    for (const ConfigEntry& entry : section->entries()) {
      const std::optional<ComponentId> id = ComponentId::parse(entry.key);
      if (!id) {
        reader_.add_problem(entry.position,
                            fmt::format("{}: \"{}\" is not an id; write type or type/name",
                                        kind.section, entry.key));
      } else if (!kind.knows(id->type)) {
        reader_.add_problem(entry.position, explain_unknown_type(kind, entry.key, id->type));
      } else {
        components.push_back({entry.key, id->type, entry.position, entry.value});
      }
    }
    return components;
  }

  std::string explain_unknown_type(const Kind& kind, std::string_view id,
                                   const std::string& type) const {
    if (const UnbuiltType* unbuilt = types_.find_unbuilt(kind.section, type)) {
      return fmt::format(
          "{}::{}: \"{}\" is not part of this version; {}, or start with "
          "--skip-unbuilt to run without it",
          kind.section, id, type, unbuilt->advice);
    }
    const std::string what =
        fmt::format("{}: unknown type: \"{}\" for id: \"{}\"", kind.section, type, id);
    for (const Kind* other : {&receivers_, &processors_, &exporters_, &connectors_, &extensions_}) {
      if (types_.knows(other->section, type)) {
        return fmt::format("{}; it is one of the {}: move it there", what, other->section);
      }
    }
    const std::string values = fmt::format("(valid values: [{}])", fmt::join(kind.types, " "));
    if (const std::optional<std::string> near = closest_word(type, kind.types)) {
      return fmt::format("{} {}; did you mean \"{}\"?", what, values, *near);
    }
    return fmt::format("{} {}", what, values);
  }

  void read_service(ConfigReader& service) {
    if (const ConfigNode* extensions = service.node("extensions")) {
      settings_.used_extensions =
          read_references("service::extensions", *extensions, extensions_, settings_.extensions);
    }
    const ConfigNode* pipelines = service.node("pipelines");
    if (pipelines == nullptr || (pipelines->is_map() && pipelines->entries().empty())) {
      service.error("pipelines",
                    "service must have at least one pipeline; add for example "
                    "traces: {receivers: [otlp], exporters: [debug]}");
    } else if (!pipelines->is_map()) {
      service.error("pipelines",
                    fmt::format("expected a map of pipelines, found {}", pipelines->describe()));
    } else {
      for (const ConfigEntry& entry : pipelines->entries()) read_pipeline(entry);
    }
    read_telemetry_settings(service.section("telemetry"), settings_.telemetry);
  }

  void read_pipeline(const ConfigEntry& entry) {
    const std::string path = "service::pipelines::" + entry.key;
    const std::optional<ComponentId> id = ComponentId::parse(entry.key);
    if (!id || std::ranges::find(kSignals, id->type) == kSignals.end()) {
      return reader_.add_problem(
          entry.position, fmt::format("{}: a pipeline's id is traces, or traces/name", path));
    }
    const std::optional<otlp::Signal> signal = signal_named(id->type);
    if (!signal) {
      return reader_.add_problem(
          entry.position,
          fmt::format("{}: {} pipelines are not supported; only traces and metrics pipelines run "
                      "here",
                      path, id->type));
    }
    ConfigReader& reader = reader_.subsection(entry.value, path);
    if (!entry.value.is_map() && !entry.value.is_null()) return;  // the reader has said so
    PipelineSettings pipeline;
    pipeline.id = entry.key;
    pipeline.signal = *signal;
    pipeline.position = entry.position;
    pipeline.receivers =
        read_list(reader, path, receivers_, settings_.receivers, &pipeline.connectors_in);
    pipeline.processors = read_list(reader, path, processors_, settings_.processors, nullptr);
    pipeline.exporters =
        read_list(reader, path, exporters_, settings_.exporters, &pipeline.connectors_out);
    for (const Kind* kind : {&receivers_, &exporters_}) {
      const ConfigNode* list = entry.value.find(kind->section);
      if (list != nullptr && (!list->is_list() || !list->items().empty())) continue;
      reader_.add_problem(list != nullptr ? list->position() : entry.position,
                          fmt::format("{}: must have at least one {}; name one in {}", path,
                                      kind->singular, kind->section));
    }
    settings_.pipelines.push_back(std::move(pipeline));
  }

  // `connectors`: where those go that are connectors; null where none may stand.
  std::vector<ComponentReference> read_list(ConfigReader& pipeline, const std::string& path,
                                            const Kind& kind,
                                            const std::vector<ComponentSettings>& configured,
                                            std::vector<ComponentReference>* connectors) {
    const ConfigNode* list = pipeline.node(kind.section);
    if (list == nullptr) return {};
    return read_references(path, *list, kind, configured, connectors);
  }

  // A list of ids, each of which must be configured, and none twice.
  std::vector<ComponentReference> read_references(
      const std::string& path, const ConfigNode& list, const Kind& kind,
      const std::vector<ComponentSettings>& configured,
      std::vector<ComponentReference>* connectors = nullptr) {
    std::vector<ComponentReference> references;
    if (!list.is_list()) {
      reader_.add_problem(list.position(), fmt::format("{}: {}: expected a list of ids, found {}",
                                                       path, kind.section, list.describe()));
      return references;
    }
    for (const ConfigNode& item : list.items()) {
      if (!item.is_scalar()) {
        reader_.add_problem(item.position(), fmt::format("{}: {}: expected an id, found {}", path,
                                                         kind.section, item.describe()));
        continue;
      }
      const std::string& id = item.text();
      const bool is_connector = connectors != nullptr && is_configured(settings_.connectors, id) &&
                                !is_configured(configured, id);
      std::vector<ComponentReference>& into = is_connector ? *connectors : references;
      if (std::ranges::find(into, id, &ComponentReference::id) != into.end()) {
        report_duplicate(path, kind, item);
        continue;
      }
      if (is_connector) {
        into.push_back({id, item.position()});
        continue;
      }
      if (!is_configured(configured, id)) {
        report_missing(path, kind, item, configured);
        continue;
      }
      references.push_back({id, item.position()});
    }
    return references;
  }

  // As upstream: a processor would run twice; for the others, naming one again changes nothing.
  void report_duplicate(const std::string& path, const Kind& kind, const ConfigNode& item) {
    const std::string message = fmt::format("{}: references {} \"{}\" multiple times; remove one",
                                            path, kind.singular, item.shown());
    if (&kind == &processors_) return reader_.add_problem(item.position(), message);
    warnings_.add(item.position(), message);
  }

  void report_missing(const std::string& path, const Kind& kind, const ConfigNode& item,
                      const std::vector<ComponentSettings>& configured) {
    // Where it is configured, but with a type that is not known, that has been said.
    for (const char* name : {kind.section, "connectors"}) {
      const ConfigNode* section = reader_.root().find(name);
      if (section != nullptr && section->find(item.text()) != nullptr) return;
    }
    std::string advice = fmt::format("add it under {}", kind.section);
    if (const std::optional<std::string> near = closest_word(item.shown(), ids_of(configured))) {
      advice = fmt::format("did you mean \"{}\"?", *near);
    }
    reader_.add_problem(item.position(),
                        fmt::format("{}: references {} \"{}\" which is not configured; {}", path,
                                    kind.singular, item.shown(), advice));
  }

  const Registry& registry_;
  ConfigWarnings& warnings_;
  ServiceSettings& settings_;
  ConfigReader reader_;
  const KnownTypes types_;
  const Kind receivers_;
  const Kind processors_;
  const Kind exporters_;
  const Kind connectors_;
  const Kind extensions_;
};

}  // namespace

Status read_settings(const ConfigNode& root, const Registry& registry, ConfigWarnings& warnings,
                     ServiceSettings& settings) {
  return SettingsReader(root, registry, warnings, settings).read();
}

}  // namespace kernspan
