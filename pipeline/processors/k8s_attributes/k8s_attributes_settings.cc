#include "pipeline/processors/k8s_attributes/k8s_attributes_settings.h"

#include <algorithm>
#include <array>
#include <utility>

namespace kernspan {
namespace {

constexpr std::size_t kMostSources = 4;

constexpr std::array kMetadata = {"k8s.namespace.name",
                                  "k8s.pod.name",
                                  "k8s.pod.uid",
                                  "k8s.pod.hostname",
                                  "k8s.pod.start_time",
                                  "k8s.pod.ip",
                                  "k8s.deployment.name",
                                  "k8s.deployment.uid",
                                  "k8s.replicaset.name",
                                  "k8s.replicaset.uid",
                                  "k8s.daemonset.name",
                                  "k8s.daemonset.uid",
                                  "k8s.statefulset.name",
                                  "k8s.statefulset.uid",
                                  "k8s.job.name",
                                  "k8s.job.uid",
                                  "k8s.cronjob.name",
                                  "k8s.cronjob.uid",
                                  "k8s.node.name",
                                  "k8s.node.uid",
                                  "k8s.container.name",
                                  "container.id",
                                  "container.image.name",
                                  "container.image.tag",
                                  "container.image.repo_digests",
                                  "k8s.cluster.uid",
                                  "service.name",
                                  "service.namespace",
                                  "service.version",
                                  "service.instance.id"};

constexpr std::array kDefaultMetadata = {
    "k8s.namespace.name",  "k8s.pod.name",  "k8s.pod.uid",          "k8s.pod.start_time",
    "k8s.deployment.name", "k8s.node.name", "container.image.name", "container.image.tag"};

constexpr std::array<const char*, kObjectKinds> kKindWords = {
    "pod", "namespace", "node", "deployment", "statefulset", "daemonset", "job", "replicaset"};

std::shared_ptr<const re2::RE2> pattern(ConfigReader& reader, const char* key,
                                        const std::string& text) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  auto compiled = std::make_shared<const re2::RE2>(text, options);
  if (!compiled->ok()) reader.error(key, "is not a pattern: " + compiled->error());
  return compiled;
}

std::vector<FieldRule> read_rules(ConfigReader& extract, const char* key) {
  std::vector<FieldRule> rules;
  for (ConfigReader* item : extract.sections(key)) {
    FieldRule rule;
    std::string key_regex;
    item->string("tag_name", &rule.tag_name);
    item->string("key", &rule.key);
    item->string("key_regex", &key_regex);
    item->choice("from", &rule.from,
                 {{"pod", ObjectKind::kPod},
                  {"", ObjectKind::kPod},
                  {"namespace", ObjectKind::kNamespace},
                  {"node", ObjectKind::kNode},
                  {"deployment", ObjectKind::kDeployment},
                  {"statefulset", ObjectKind::kStatefulSet},
                  {"daemonset", ObjectKind::kDaemonSet},
                  {"job", ObjectKind::kJob}});
    if (rule.key.empty() == key_regex.empty()) {
      item->error("key", "must be set, or key_regex: one of the two");
    }
    if (!key_regex.empty()) {
      rule.key_regex = pattern(*item, "key_regex", "^(?:" + key_regex + ")$");
    }
    rule.default_prefix =
        std::string("k8s.") + kKindWords[static_cast<std::size_t>(rule.from)] + "." + key + ".";
    rules.push_back(std::move(rule));
  }
  return rules;
}

void read_metadata(ConfigReader& extract, MetadataNames* metadata) {
  metadata->names.assign(kDefaultMetadata.begin(), kDefaultMetadata.end());
  // An empty list is none; without the key there are the defaults.
  if (!extract.has("metadata")) return;
  extract.string_list("metadata", &metadata->names);
  for (const std::string& name : metadata->names) {
    if (std::ranges::find(kMetadata, name) == kMetadata.end()) {
      extract.error("metadata", "\"" + name + "\" is not a supported metadata field");
    }
  }
}

void read_extract(ConfigReader& extract, K8sAttributesSettings* settings) {
  read_metadata(extract, &settings->metadata);
  settings->labels = read_rules(extract, "labels");
  settings->annotations = read_rules(extract, "annotations");
  extract.boolean("otel_annotations", &settings->otel_annotations);
  extract.boolean("deployment_name_from_replicaset", &settings->deployment_name_from_replicaset);
}

std::vector<FieldFilter> read_filters(ConfigReader& filter, const char* key, bool is_labels) {
  std::vector<FieldFilter> filters;
  for (ConfigReader* item : filter.sections(key)) {
    FieldFilter one{.key = "", .op = "equals", .value = ""};
    item->string("key", &one.key);
    item->string("op", &one.op);
    item->string("value", &one.value);
    if (one.op.empty()) one.op = "equals";
    const bool is_comparison = one.op == "equals" || one.op == "not-equals";
    const bool is_existence = one.op == "exists" || one.op == "does-not-exist";
    if (!is_comparison && !(is_labels && is_existence)) {
      item->error("op", is_labels ? "must be equals, not-equals, exists or does-not-exist"
                                  : "must be equals or not-equals");
    }
    if (one.key.empty()) item->error("key", "must be set");
    filters.push_back(std::move(one));
  }
  return filters;
}

void read_filter(ConfigReader& filter, K8sAttributesSettings* settings) {
  filter.string("node", &settings->node);
  filter.string("node_from_env_var", &settings->node_from_env_var);
  filter.string("namespace", &settings->namespace_name);
  settings->label_filters = read_filters(filter, "labels", true);
  settings->field_filters = read_filters(filter, "fields", false);
}

void read_associations(ConfigReader& reader, std::vector<Association>* associations) {
  for (ConfigReader* item : reader.sections("pod_association")) {
    Association association;
    for (ConfigReader* source : item->sections("sources")) {
      enum class From { kNone, kConnection, kResourceAttribute };
      From from = From::kNone;
      AssociationSource one;
      source->choice(
          "from", &from,
          {{"resource_attribute", From::kResourceAttribute}, {"connection", From::kConnection}});
      source->string("name", &one.name);
      one.is_connection = from == From::kConnection;
      if (one.is_connection) one.name.clear();
      if (from == From::kNone) source->require("from", "resource_attribute or connection");
      if (from == From::kResourceAttribute && one.name.empty()) {
        source->require("name", "the attribute of the resource to look at");
      }
      association.push_back(std::move(one));
    }
    if (association.empty()) {
      item->error("sources", "must have at least one source: resource_attribute or connection");
    } else if (association.size() > kMostSources) {
      item->error("sources", "too many association sources. limit is 4");
    }
    associations->push_back(std::move(association));
  }
}

void read_exclude(ConfigReader& exclude, K8sAttributesSettings* settings) {
  for (ConfigReader* pod : exclude.sections("pods")) {
    std::string name;
    pod->string("name", &name);
    settings->excluded_pods.push_back(pattern(*pod, "name", name));
  }
  if (!settings->excluded_pods.empty()) return;
  for (const char* name : {"jaeger-agent", "jaeger-collector"}) {
    settings->excluded_pods.push_back(std::make_shared<const re2::RE2>(name));
  }
}

void read_auth(ConfigReader& reader, K8sAttributesSettings* settings) {
  enum class Word { kServiceAccount, kNone, kKubeConfig, kTls };
  Word word = Word::kServiceAccount;
  reader.choice("auth_type", &word,
                {{"serviceAccount", Word::kServiceAccount},
                 {"none", Word::kNone},
                 {"kubeConfig", Word::kKubeConfig},
                 {"tls", Word::kTls}});
  reader.string("context", &settings->context);
  if (word == Word::kTls) {
    reader.error("auth_type",
                 "tls has no keys for a certificate here, upstream neither: use kubeConfig, with "
                 "client-certificate and client-key in the file");
  }
  settings->auth = word == Word::kNone         ? KubeAuth::kNone
                   : word == Word::kKubeConfig ? KubeAuth::kKubeConfig
                                               : KubeAuth::kServiceAccount;
  if (!settings->context.empty() && word != Word::kKubeConfig) {
    reader.error("context", "is for auth_type: kubeConfig");
  }
}

}  // namespace

bool MetadataNames::has(std::string_view name) const {
  return std::ranges::find(names, name) != names.end();
}

bool K8sAttributesSettings::asks_for(ObjectKind kind) const {
  const auto is_from = [kind](const FieldRule& rule) { return rule.from == kind; };
  return std::ranges::any_of(labels, is_from) || std::ranges::any_of(annotations, is_from);
}

void read_k8s_attributes_settings(ConfigReader& reader, K8sAttributesSettings* settings) {
  read_auth(reader, settings);
  reader.boolean("passthrough", &settings->passthrough);
  read_extract(reader.section("extract"), settings);
  read_filter(reader.section("filter"), settings);
  read_associations(reader, &settings->associations);
  read_exclude(reader.section("exclude"), settings);
  reader.boolean("wait_for_metadata", &settings->wait_for_metadata);
  reader.duration("wait_for_metadata_timeout", &settings->wait_for_metadata_timeout);
}

}  // namespace kernspan
