#include "pipeline/service/known_types.h"

#include <algorithm>
#include <array>

namespace kernspan {
namespace {

constexpr std::string_view kRemove = "take it out of the pipelines";
constexpr std::string_view kNeedsGateway =
    "take it out, and filter or change spans where they are made or stored";

constexpr std::array kUnbuiltTypes = {
    UnbuiltType{"receivers", "jaeger", "let its clients send OTLP"},
    UnbuiltType{"receivers", "hostmetrics", kRemove},
    UnbuiltType{"receivers", "prometheus", "let Prometheus scrape the targets itself"},
    UnbuiltType{"receivers", "filelog", "this version takes traces and metrics, no logs"},
    UnbuiltType{"receivers", "kafka", kRemove},
    UnbuiltType{"processors", "span", kNeedsGateway},
    UnbuiltType{"processors", "redaction", "do not send what must not be stored"},
    UnbuiltType{"processors", "metricstransform", kNeedsGateway},
    UnbuiltType{"processors", "cumulativetodelta", kNeedsGateway},
    UnbuiltType{"exporters", "prometheusremotewrite", "use otlp to a peer that has it"},
    UnbuiltType{"exporters", "zipkin", "use otlp: Zipkin takes it through a collector"},
    UnbuiltType{"exporters", "kafka", "use otlp to a peer that has it"},
    UnbuiltType{"exporters", "loki", "this version takes traces and metrics, no logs"},
    UnbuiltType{"connectors", "span_metrics",
                "take it out, and compute metrics where spans are stored"},
    UnbuiltType{"connectors", "service_graph",
                "take it out, and compute metrics where spans are stored"},
    UnbuiltType{"connectors", "failover", "name the exporter itself in the pipeline"},
    UnbuiltType{"connectors", "routing", "name the exporters themselves in the pipeline"},
    UnbuiltType{"connectors", "count", kRemove},
    UnbuiltType{"extensions", "basicauth", "use mutual TLS"},
    UnbuiltType{"extensions", "oauth2client", "use mutual TLS"},
    UnbuiltType{"extensions", "oidc", "use mutual TLS"},
    UnbuiltType{"extensions", "headers_setter", "write the headers at the exporter"},
};

struct Rename {
  std::string_view section;
  std::string_view old_name;
  std::string_view type;
};

constexpr std::array kRenames = {
    Rename{"exporters", "otlp", "otlp_grpc"},
    Rename{"exporters", "otlphttp", "otlp_http"},
    Rename{"exporters", "loadbalancing", "load_balancing"},
    Rename{"processors", "k8sattributes", "k8s_attributes"},
    Rename{"processors", "resourcedetection", "resource_detection"},
    Rename{"connectors", "spanmetrics", "span_metrics"},
    Rename{"connectors", "servicegraph", "service_graph"},
};

}  // namespace

KnownTypes::KnownTypes(const Registry& registry) {
  const auto add = [this](std::string_view section, const auto& table) {
    for (const auto& factory : table) {
      names_.push_back({section, factory.type});
      for (const std::string& name : factory.deprecated_names) names_.push_back({section, name});
    }
  };
  add("receivers", registry.receivers);
  add("processors", registry.processors);
  add("exporters", registry.exporters);
  add("connectors", registry.connectors);
  add("extensions", registry.extensions);
}

bool KnownTypes::has(std::string_view section, std::string_view type) const {
  return std::ranges::any_of(names_, [&](const Name& name) {
    return name.section == section &&
           current_type(section, name.type) == current_type(section, type);
  });
}

const UnbuiltType* KnownTypes::find_unbuilt(std::string_view section, std::string_view type) const {
  if (has(section, type)) return nullptr;
  const auto row = std::ranges::find_if(kUnbuiltTypes, [&](const UnbuiltType& each) {
    return each.section == section && each.type == current_type(section, type);
  });
  return row == kUnbuiltTypes.end() ? nullptr : &*row;
}

std::string_view current_type(std::string_view section, std::string_view type) {
  for (const Rename& rename : kRenames) {
    if (rename.section == section && rename.old_name == type) return rename.type;
  }
  return type;
}

}  // namespace kernspan
