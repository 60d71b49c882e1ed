#include "pipeline/exporters/prometheus/prometheus_settings.h"

#include "pipeline/component/config_reader.h"
#include "pipeline/exporters/prometheus/prometheus_names.h"

namespace kernspan {
namespace {

void read_translation(ConfigReader& reader, PrometheusSettings* settings) {
  enum class Strategy { kDefault, kWithSuffixes, kWithoutSuffixes, kUtf8 };
  reader.boolean("add_metric_suffixes", &settings->add_suffixes);
  auto strategy = Strategy::kDefault;
  reader.choice("translation_strategy", &strategy,
                {{"UnderscoreEscapingWithSuffixes", Strategy::kWithSuffixes},
                 {"UnderscoreEscapingWithoutSuffixes", Strategy::kWithoutSuffixes},
                 {"NoUTF8EscapingWithSuffixes", Strategy::kUtf8},
                 {"NoTranslation", Strategy::kUtf8},
                 {"", Strategy::kDefault}});
  if (strategy == Strategy::kUtf8) {
    reader.error("translation_strategy",
                 "names that are not escaped are not supported: use UnderscoreEscapingWithSuffixes "
                 "or UnderscoreEscapingWithoutSuffixes");
  }
  if (strategy != Strategy::kDefault) {
    settings->add_suffixes = strategy == Strategy::kWithSuffixes;
  }
}

}  // namespace

Result<PrometheusSettings> read_prometheus_settings(const ConfigNode& node, const std::string& path,
                                                    ConfigWarnings& warnings) {
  PrometheusSettings settings;
  ConfigReader reader(node, warnings, path);
  reader.require("endpoint", "say where Prometheus finds the metrics, for example 0.0.0.0:8889");
  reader.endpoint("endpoint", &settings.endpoint);
  reader.string("namespace", &settings.name_space);
  reader.string_map("const_labels", &settings.const_labels);
  for (const auto& [name, value] : settings.const_labels) {
    if (label_name(name) != name) {
      reader.error("const_labels", "'" + name + "' is not the name of a label of Prometheus");
    }
  }
  reader.boolean("send_timestamps", &settings.send_timestamps);
  reader.duration("metric_expiration", &settings.metric_expiration, std::chrono::nanoseconds{1});
  ConfigReader& resource = reader.section("resource_to_telemetry_conversion");
  resource.boolean("enabled", &settings.resource_attributes_as_labels);
  reader.boolean("enable_open_metrics", &settings.open_metrics);
  read_translation(reader, &settings);
  reader.integer<std::size_t>("max_series", &settings.max_series, 1, 100'000'000);
  for (const char* key : {"tls", "auth"}) {
    if (reader.has(key)) {
      reader.error(key,
                   "is not supported at this endpoint: keep it inside the cluster, or put a "
                   "proxy in front of it");
    }
  }
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return settings;
}

}  // namespace kernspan
