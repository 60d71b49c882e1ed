#include "pipeline/exporters/load_balancing/load_balancing_settings.h"

#include <utility>

#include "pipeline/component/config_reader.h"

namespace kernspan {
namespace {

void read_routing(ConfigReader& reader, Routing* routing) {
  enum class Word { kTraceId, kService, kAttributes, kNotForTraces };
  Word word = Word::kTraceId;
  reader.choice("routing_key", &word,
                {{"traceID", Word::kTraceId},
                 {"", Word::kTraceId},
                 {"service", Word::kService},
                 {"attributes", Word::kAttributes},
                 {"resource", Word::kNotForTraces},
                 {"metric", Word::kNotForTraces},
                 {"streamID", Word::kNotForTraces}});
  if (word == Word::kNotForTraces) {
    reader.error("routing_key",
                 "this key is for metrics and logs: traces are routed by traceID, service or "
                 "attributes");
  }
  if (word == Word::kService) *routing = {RoutingKey::kAttributes, {"service.name"}};
  std::vector<std::string> attributes;
  reader.string_list("routing_attributes", &attributes);
  if (word == Word::kAttributes) {
    if (attributes.empty()) {
      reader.error("routing_attributes",
                   "must name the attributes that routing_key: attributes routes by");
    }
    *routing = {RoutingKey::kAttributes, std::move(attributes)};
  } else if (!attributes.empty()) {
    reader.warning("routing_attributes", "has no effect without routing_key: attributes");
  }
}

// The otlp exporter reads the block, with a stand-in for what each backend has of its own.
Result<OtlpExporterSettings> read_otlp(ConfigReader& reader, const ComponentContext& context) {
  ConfigNode otlp = ConfigNode::map(reader.root().position(), {});
  if (const ConfigNode* node = reader.node("otlp"); node != nullptr && !node->is_null()) {
    otlp = *node;
    if (node->find("endpoint") != nullptr) {
      context.warnings.add(node->find("endpoint")->position(),
                           reader.path() +
                               "::otlp::endpoint has no effect: the resolver says "
                               "where the backends are; remove the key");
    }
  }
  if (otlp.is_map()) {
    const ConfigPosition position = otlp.position();
    otlp.set("endpoint", position,
             ConfigNode::scalar(position, "placeholder:4317", "placeholder:4317", true));
  }
  return read_otlp_exporter_settings(otlp, reader.path() + "::otlp", context.extensions,
                                     context.warnings);
}

// What stands at the exporter itself takes the place of what stands under protocol::otlp.
void read_own_sender(ConfigReader& reader, LoadBalancingSettings* settings) {
  SenderSettings own;
  own.retry.enabled = false;
  // Upstream's rule for its optional block: to write it is to enable it.
  const ConfigNode* block = reader.root().find("sending_queue");
  own.queue.enabled = block != nullptr && block->is_map();
  read_sender_settings(reader, &own);
  const SenderSettings& otlp = settings->otlp.sender;
  settings->queue_per_backend =
      !own.queue.enabled && !own.retry.enabled && otlp.queue.enabled && !otlp.queue.wait_for_result;
  settings->sender = otlp;
  if (own.queue.enabled) settings->sender.queue = own.queue;
  if (own.retry.enabled) settings->sender.retry = own.retry;
  if (reader.has("timeout")) settings->sender.timeout = own.timeout;
  if (settings->queue_per_backend) settings->otlp.sender.timeout = settings->sender.timeout;
  settings->sender.max_request_bytes = 0;  // the backends' own bound is what cuts
  if (reader.has("max_request_bytes"))
    settings->otlp.sender.max_request_bytes = own.max_request_bytes;
  if (settings->queue_per_backend && !otlp.queue.storage.empty()) {
    reader.add_problem(otlp.queue.storage_position,
                       otlp.queue.storage_position.to_string() + ": " + reader.path() +
                           "::protocol::otlp::sending_queue::storage: a queue on disk per backend "
                           "is lost with the "
                           "backend: set sending_queue::storage of the exporter itself");
  }
}

}  // namespace

Result<LoadBalancingSettings> read_load_balancing_settings(const ConfigNode& node,
                                                           const ComponentContext& context) {
  LoadBalancingSettings settings;
  ConfigReader reader(node, context.warnings, context.path);
  read_routing(reader, &settings.routing);
  reader.require("resolver", "say where the backends are: static, dns or k8s");
  if (reader.has("resolver")) read_resolver(reader.section("resolver"), &settings.resolver);
  auto otlp = read_otlp(reader.section("protocol"), context);
  if (otlp) settings.otlp = *std::move(otlp);
  read_own_sender(reader, &settings);
  Status read = reader.finish();
  if (read && otlp) return settings;
  std::string problems = read ? "" : read.error().message;
  if (!otlp) problems += (problems.empty() ? "" : "\n") + otlp.error().message;
  return permanent(std::move(problems));
}

}  // namespace kernspan
