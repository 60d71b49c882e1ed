#include <fmt/format.h>

#include <array>
#include <string>
#include <utility>

#include "pipeline/service/config_view.h"
#include "pipeline/service/translations/translations.h"

namespace kernspan {
namespace {

bool is_detection(std::string_view key) {
  return current_type("processors", key.substr(0, key.find('/'))) == "resource_detection";
}

// The detection processors' entries.
std::vector<ConfigEntry*> detection_processors(ConfigNode& root) {
  std::vector<ConfigEntry*> found;
  if (ConfigNode* processors = root.find("processors")) {
    for (ConfigEntry& entry : processors->entries()) {
      if (is_detection(entry.key)) found.push_back(&entry);
    }
  }
  return found;
}

void replace_text(ConfigNode& scalar, const std::string& text) {
  scalar = ConfigNode::scalar(scalar.position(), text, text, true);
}

}  // namespace

// Without client_ca_file, or said to be false beside one, it asks for what is not the case, and is
// refused.
void drop_require_client_auth(Rewriting& rewriting, std::string_view id) {
  ConfigNode* receivers = rewriting.root.find("receivers");
  if (receivers == nullptr) return;
  for (ConfigEntry& receiver : receivers->entries()) {
    ConfigNode* protocols = receiver.value.find("protocols");
    if (protocols == nullptr) continue;
    for (ConfigEntry& protocol : protocols->entries()) {
      ConfigNode* tls = protocol.value.find("tls");
      const ConfigNode* key = tls == nullptr ? nullptr : tls->find("require_client_auth");
      if (key == nullptr || tls->find("client_ca_file") == nullptr || key->text() != "true")
        continue;
      rewriting.warnings.deviations.push_back(
          {id, key->position(),
           fmt::format("receivers::{}::protocols::{}::tls: has invalid keys: require_client_auth",
                       receiver.key, protocol.key),
           "ignored: client_ca_file alone makes every client show a certificate", "remove it"});
      tls->erase("require_client_auth");
    }
  }
}

void read_metrics_address(Rewriting& rewriting, std::string_view id) {
  ConfigNode* metrics = find_path(rewriting.root, {"service", "telemetry", "metrics"});
  const ConfigNode* address = metrics == nullptr ? nullptr : metrics->find("address");
  if (address == nullptr || !address->is_scalar() || metrics->find("readers") != nullptr) return;
  const std::string& text = address->text();
  const std::size_t colon = text.rfind(':');
  const std::string port = text.substr(colon == std::string::npos ? text.size() : colon + 1);
  if (port.empty() || port.size() > 5 ||
      port.find_first_not_of("0123456789") != std::string::npos) {
    return;  // refused when the telemetry settings are read
  }
  const ConfigPosition position = address->position();
  const std::string host = text.substr(0, colon);
  rewriting.warnings.deviations.push_back(
      {id, position, "service::telemetry::metrics: has invalid keys: address",
       "read as a reader that serves Prometheus there",
       fmt::format(
           "write readers: [{{pull: {{exporter: {{prometheus: {{host: '{}', port: {}}}}}}}}}]",
           host.empty() ? "0.0.0.0" : host, port)});
  ConfigNode prometheus = ConfigNode::map(position, {});
  const std::string shown_host = host.empty() ? "0.0.0.0" : host;
  prometheus.set("host", position, ConfigNode::scalar(position, shown_host, shown_host, true));
  prometheus.set("port", position, ConfigNode::scalar(position, port, port, false));
  ConfigNode reader = std::move(prometheus);
  for (const char* key : {"prometheus", "exporter", "pull"}) {
    ConfigNode outer = ConfigNode::map(position, {});
    outer.set(key, position, std::move(reader));
    reader = std::move(outer);
  }
  ConfigNode readers = ConfigNode::list(position, {});
  readers.append(std::move(reader));
  metrics->erase("address");
  metrics->set("readers", position, std::move(readers));
}

void rename_detectors(Rewriting& rewriting, std::string_view id) {
  for (ConfigEntry* processor : detection_processors(rewriting.root)) {
    ConfigNode* detectors = processor->value.find("detectors");
    if (detectors == nullptr) continue;
    for (ConfigNode& detector : detectors->items()) {
      const std::string name = detector.text();
      if (name == "k8snode") replace_text(detector, "k8s_api");  // upstream's own old name
      if (name != "kubernetes" && name != "kubernetes_node") continue;
      rewriting.warnings.deviations.push_back(
          {id, detector.position(),
           fmt::format("processors::{}: invalid detector key: {}", processor->key, name),
           "read as k8s_api",
           "write k8s_api; it needs the node's name in K8S_NODE_NAME and the right to get nodes"});
      replace_text(detector, "k8s_api");
    }
  }
}

// The detector's settings under its old names, of which some were never its own.
void read_node_detector_settings(Rewriting& rewriting, std::string_view id) {
  for (ConfigEntry* processor : detection_processors(rewriting.root)) {
    for (const char* name : {"k8snode", "kubernetes", "kubernetes_node"}) {
      const ConfigNode* old = processor->value.find(name);
      if (old == nullptr || processor->value.find("k8s_api") != nullptr) continue;
      ConfigNode settings = *old;
      const ConfigPosition position = old->position();
      const ConfigNode* context = settings.find("context");
      if (context != nullptr) {
        rewriting.warnings.deviations.push_back(
            {id, context->position(),
             fmt::format("processors::{}::{}: has invalid keys: context", processor->key, name),
             "ignored: the pod's own service account is used, and no kubeconfig", "remove it"});
        settings.erase("context");
      }
      if (std::string_view(name) != "k8snode") {
        rewriting.warnings.deviations.push_back(
            {id, position,
             fmt::format("processors::{}: has invalid keys: {}", processor->key, name),
             "read as k8s_api", "rename it"});
      }
      processor->value.erase(name);
      processor->value.set("k8s_api", position, std::move(settings));
    }
  }
}

void quote_ports(Rewriting& rewriting, std::string_view id) {
  ConfigNode* exporters = rewriting.root.find("exporters");
  if (exporters == nullptr) return;
  for (ConfigEntry& exporter : exporters->entries()) {
    const std::string type = exporter.key.substr(0, exporter.key.find('/'));
    if (current_type("exporters", type) != "load_balancing") continue;
    ConfigNode* port = find_path(exporter.value, {"resolver", "dns", "port"});
    if (port == nullptr || !port->is_scalar() || port->quoted() || port->expanded()) continue;
    rewriting.warnings.deviations.push_back(
        {id, port->position(),
         fmt::format("exporters::{}::resolver::dns::port: expected type 'string', found {}",
                     exporter.key, port->describe()),
         "read as a string", "put it in quotes"});
    replace_text(*port, port->text());
  }
}

}  // namespace kernspan
