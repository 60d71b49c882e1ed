#include "pipeline/processors/k8s_attributes/k8s_attributes_processor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "pipeline/component/request_peer.h"
#include "pipeline/kubernetes/image_name.h"
#include "pipeline/processors/k8s_attributes/pod_identity.h"
#include "tests/unit/pipeline/fake_clock.h"
#include "tests/unit/pipeline/kubernetes/api_simulator.h"
#include "tests/unit/pipeline/processors/processor_fixture.h"

namespace kernspan {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using Texts = std::map<std::string, std::string>;

constexpr char kPods[] = "/api/v1/pods";
constexpr char kNamespaces[] = "/api/v1/namespaces";
constexpr char kNodes[] = "/api/v1/nodes";
constexpr char kReplicaSets[] = "/apis/apps/v1/replicasets";

// As `kubectl get pod -o json` shows the pod of a deployment.
json web_pod() {
  return json::parse(R"({
    "apiVersion": "v1", "kind": "Pod",
    "metadata": {
      "name": "web-5d9c7b8f6c-abcde", "namespace": "shop", "uid": "pod-uid",
      "creationTimestamp": "2026-01-02T03:04:05Z",
      "labels": {"app": "web", "app.kubernetes.io/version": "2.1", "pod-template-hash": "5d9c7b8f6c"},
      "annotations": {"team": "payments", "resource.opentelemetry.io/deployment.environment": "prod"},
      "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "controller": true,
                           "name": "web-5d9c7b8f6c", "uid": "rs-uid"}]},
    "spec": {
      "nodeName": "node-1", "hostname": "web-host",
      "containers": [{"name": "app", "image": "registry.example:5000/shop/web:1.25"},
                     {"name": "proxy", "image": "envoy@sha256:abc"}]},
    "status": {
      "phase": "Running", "podIP": "10.1.2.3", "startTime": "2026-01-02T03:04:06Z",
      "containerStatuses": [
        {"name": "app", "containerID": "containerd://app-id", "restartCount": 2,
         "imageID": "registry.example:5000/shop/web@sha256:def"},
        {"name": "proxy", "containerID": "containerd://proxy-id", "restartCount": 0, "imageID": ""}]}
  })");
}

json named(const char* name, const char* uid, json labels = json::object()) {
  return {{"metadata", {{"name", name}, {"uid", uid}, {"labels", std::move(labels)}}}};
}

json replicaset() {
  json object = named("web-5d9c7b8f6c", "rs-uid");
  object["metadata"]["namespace"] = "shop";
  object["metadata"]["ownerReferences"] = {
      {{"kind", "Deployment"}, {"name", "web"}, {"uid", "deployment-uid"}, {"controller", true}}};
  return object;
}

class FixedPeer final : public RequestPeer {
 public:
  explicit FixedPeer(std::string address) : address_(std::move(address)) {}
  std::string address() const override { return address_; }

 private:
  std::string address_;
};

class K8sAttributes : public ::testing::Test {
 protected:
  void start(const std::string& yaml, const std::string& node_name = "") {
    K8sAttributesSettings settings;
    const ConfigNode node = ComponentStage::yaml("auth_type: kubeConfig\n" + yaml);
    ConfigReader reader(node, stage_.warnings, "processors::k8s_attributes");
    read_k8s_attributes_settings(reader, &settings);
    const Status read = reader.finish();
    ASSERT_TRUE(read) << read.error().message;
    settings.wait_for_metadata = true;
    settings.wait_for_metadata_timeout = kPatience;
    processor_ = std::make_unique<K8sAttributesProcessor>(
        stage_.context(), settings, next_,
        kube::AccessSources{.root = "/nonexistent",
                            .environment = [this, node_name](const std::string& name)
                                -> std::optional<std::string> {
                              if (name == "KUBECONFIG") return api_.kubeconfig();
                              if (name == "NODE" && !node_name.empty()) return node_name;
                              return std::nullopt;
                            }});
    const Status started = processor_->start();
    ASSERT_TRUE(started) << started.error().message;
  }

  // What becomes of a resource with these attributes. An array is shown as its first text.
  Texts process(const Texts& attributes, const std::string& peer = "") {
    otlp::ReferenceRequest request = otlp::reference_request(1);
    auto* resource = request.mutable_resource_spans(0)->mutable_resource();
    resource->clear_attributes();
    for (const auto& [key, value] : attributes) {
      auto* attribute = resource->add_attributes();
      attribute->set_key(key);
      attribute->mutable_value()->set_string_value(value);
    }
    auto batch = otlp::Batch::from_wire(request.SerializeAsString());
    EXPECT_TRUE(batch);
    const std::size_t before = next_.bytes().size();
    {
      const FixedPeer fixed(peer);
      const RequestPeerScope scope(fixed);
      EXPECT_TRUE(processor_->consume(std::move(*batch)));
    }
    otlp::ReferenceRequest result;
    EXPECT_TRUE(result.ParseFromString(next_.bytes().substr(before)));
    Texts texts;
    for (const auto& attribute : result.resource_spans(0).resource().attributes()) {
      const auto& value = attribute.value();
      texts[attribute.key()] = value.has_array_value()
                                   ? value.array_value().values(0).string_value()
                                   : value.string_value();
    }
    return texts;
  }
  Texts added(const Texts& attributes, const std::string& peer = "") {
    Texts texts = process(attributes, peer);
    for (const auto& [key, value] : attributes) texts.erase(key);
    return texts;
  }
  bool becomes(const Texts& attributes, const Texts& wanted) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (added(attributes) != wanted) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
  }
  double metric(const std::string& name) {
    return stage_.metric("otelcol_otelsvc_k8s_" + name, {{"processor", "k8s_attributes"}});
  }

  KubeApiSimulator api_;
  ComponentStage stage_{"k8s_attributes"};
  RememberingConsumer next_;
  std::unique_ptr<K8sAttributesProcessor> processor_;
};

TEST_F(K8sAttributes, DefaultsAreUpstreams) {
  api_.put(kPods, web_pod());
  api_.put(kReplicaSets, replicaset());
  start("");
  const Texts wanted = {
      {"k8s.namespace.name", "shop"}, {"k8s.pod.name", "web-5d9c7b8f6c-abcde"},
      {"k8s.pod.uid", "pod-uid"},     {"k8s.pod.start_time", "2026-01-02T03:04:05Z"},
      {"k8s.deployment.name", "web"}, {"k8s.node.name", "node-1"}};
  EXPECT_EQ(added({{"k8s.pod.ip", "10.1.2.3"}}), wanted);
  EXPECT_EQ(added({}, "10.1.2.3"), wanted);
  EXPECT_EQ(added({{"host.name", "10.1.2.3"}}), wanted);
  EXPECT_EQ(added({{"host.name", "web-host"}}), Texts());
  EXPECT_EQ(added({}, "10.9.9.9"), Texts());
  EXPECT_EQ(metric("ip_lookup_miss"), 1);
  EXPECT_EQ(metric("pod_added"), 1);
  EXPECT_EQ(metric("replicaset_added"), 1);
  EXPECT_GE(metric("pod_table_size"), 1);
}

TEST_F(K8sAttributes, WhatIsThereStays) {
  api_.put(kPods, web_pod());
  start("extract: {metadata: [k8s.pod.name, k8s.pod.uid]}");
  EXPECT_EQ(
      process({{"k8s.pod.ip", "10.1.2.3"}, {"k8s.pod.name", "mine"}, {"k8s.pod.uid", ""}}),
      (Texts{{"k8s.pod.ip", "10.1.2.3"}, {"k8s.pod.name", "mine"}, {"k8s.pod.uid", "pod-uid"}}));
}

TEST_F(K8sAttributes, AResourceThatHasEverythingIsNotLookedUp) {
  start("extract: {metadata: [k8s.pod.name, k8s.pod.uid]}");
  const Texts whole = {{"k8s.pod.ip", "10.1.2.3"}, {"k8s.pod.name", "a"}, {"k8s.pod.uid", "b"}};
  EXPECT_EQ(process(whole), whole);
  EXPECT_EQ(metric("ip_lookup_miss"), 0);
}

TEST_F(K8sAttributes, LabelsAnnotationsAndOtherObjects) {
  api_.put(kPods, web_pod());
  api_.put(kReplicaSets, replicaset());
  api_.put(kNamespaces, named("shop", "ns-uid", {{"tier", "gold"}}));
  api_.put(kNamespaces, named("kube-system", "cluster-uid"));
  api_.put(kNodes, named("node-1", "node-uid", {{"zone", "a"}}));
  api_.put("/apis/apps/v1/deployments", named("web", "deployment-uid", {{"owner", "x"}}));
  start(R"(
extract:
  metadata: [k8s.deployment.uid, k8s.node.uid, k8s.cluster.uid, service.version]
  otel_annotations: true
  labels:
    - {key: app}
    - {tag_name: version, key: app.kubernetes.io/version}
    - {tag_name: 'part.$1', key_regex: 'pod-(.*)-hash'}
    - {key: tier, from: namespace}
    - {tag_name: zone, key: zone, from: node}
    - {tag_name: owner, key: owner, from: deployment}
  annotations:
    - {tag_name: team, key: team}
    - {key_regex: 'te(?P<rest>am)', tag_name: 'x-$${rest}'}
pod_association: [{sources: [{from: resource_attribute, name: k8s.pod.uid}]}])");
  EXPECT_EQ(added({{"k8s.pod.uid", "pod-uid"}}), (Texts{{"deployment.environment", "prod"},
                                                        {"k8s.cluster.uid", "cluster-uid"},
                                                        {"k8s.deployment.uid", "deployment-uid"},
                                                        {"k8s.namespace.labels.tier", "gold"},
                                                        {"k8s.node.uid", "node-uid"},
                                                        {"k8s.pod.labels.app", "web"},
                                                        {"owner", "x"},
                                                        {"part.template", "5d9c7b8f6c"},
                                                        {"service.version", "2.1"},
                                                        {"team", "payments"},
                                                        {"version", "2.1"},
                                                        {"x-am", "payments"},
                                                        {"zone", "a"}}));
  // Without a pod, what the resource says leads to namespace and node.
  EXPECT_EQ(added({{"k8s.namespace.name", "shop"}, {"k8s.node.name", "node-1"}}),
            (Texts{{"k8s.cluster.uid", "cluster-uid"},
                   {"k8s.namespace.labels.tier", "gold"},
                   {"k8s.node.uid", "node-uid"},
                   {"zone", "a"}}));
}

TEST_F(K8sAttributes, Containers) {
  api_.put(kPods, web_pod());
  start(R"(
extract: {metadata: [k8s.container.name, container.id, container.image.name, container.image.tag,
                     container.image.repo_digests]}
pod_association:
  - sources: [{from: resource_attribute, name: k8s.pod.uid}]
  - sources: [{from: resource_attribute, name: container.id}])");
  EXPECT_EQ(added({{"k8s.pod.uid", "pod-uid"}}), Texts());  // which of the two is not known
  EXPECT_EQ(added({{"k8s.pod.uid", "pod-uid"}, {"k8s.container.name", "app"}}),
            (Texts{{"container.id", "app-id"},
                   {"container.image.name", "registry.example:5000/shop/web"},
                   {"container.image.tag", "1.25"},
                   {"container.image.repo_digests", "registry.example:5000/shop/web@sha256:def"}}));
  EXPECT_EQ(added({{"container.id", "proxy-id"}}),
            (Texts{{"k8s.container.name", "proxy"}, {"container.image.name", "envoy"}}));
  EXPECT_EQ(added({{"k8s.pod.uid", "pod-uid"},
                   {"k8s.container.name", "app"},
                   {"k8s.container.restart_count", "1"}}),
            (Texts{{"container.image.name", "registry.example:5000/shop/web"},
                   {"container.image.tag", "1.25"}}));
}

TEST_F(K8sAttributes, AnAssociationNeedsAllItsSources) {
  api_.put(kPods, web_pod());
  start(R"(
extract: {metadata: [k8s.pod.uid, k8s.pod.ip]}
pod_association:
  - sources: [{from: resource_attribute, name: k8s.pod.name},
              {from: resource_attribute, name: k8s.namespace.name}]
  - sources: [{from: connection}])");
  EXPECT_EQ(added({{"k8s.pod.name", "web-5d9c7b8f6c-abcde"}}), Texts());
  EXPECT_EQ(
      added({{"k8s.pod.name", "web-5d9c7b8f6c-abcde"}, {"k8s.namespace.name", "shop"}}, "10.9.9.9"),
      (Texts{{"k8s.pod.ip", "10.1.2.3"}, {"k8s.pod.uid", "pod-uid"}}));
  EXPECT_EQ(added({}, "10.1.2.3"), (Texts{{"k8s.pod.ip", "10.1.2.3"}, {"k8s.pod.uid", "pod-uid"}}));
}

TEST_F(K8sAttributes, FollowsChangesAndReusedAddresses) {
  api_.put(kPods, web_pod());
  start("extract: {metadata: [k8s.pod.name]}");
  ASSERT_TRUE(becomes({{"k8s.pod.ip", "10.1.2.3"}}, {{"k8s.pod.name", "web-5d9c7b8f6c-abcde"}}));
  json next = web_pod();
  next["metadata"]["name"] = "later";
  next["metadata"]["uid"] = "later-uid";
  next["status"]["startTime"] = "2026-02-01T00:00:00Z";
  api_.put(kPods, next);
  ASSERT_TRUE(becomes({{"k8s.pod.ip", "10.1.2.3"}}, {{"k8s.pod.name", "later"}}));
  // News of the old one, that it has ended for example, changes nothing.
  api_.put(kPods, web_pod());
  api_.remove(kPods, "web-5d9c7b8f6c-abcde");
  json other = web_pod();
  other["metadata"]["name"] = "other";
  other["metadata"]["uid"] = "other-uid";
  other["status"]["podIP"] = "10.1.2.4";
  api_.put(kPods, other);
  ASSERT_TRUE(becomes({{"k8s.pod.ip", "10.1.2.4"}}, {{"k8s.pod.name", "other"}}));
  EXPECT_EQ(added({{"k8s.pod.ip", "10.1.2.3"}}), (Texts{{"k8s.pod.name", "later"}}));
  EXPECT_EQ(metric("pod_deleted"), 1);
}

TEST_F(K8sAttributes, FiltersAreTheApisWork) {
  start(R"(
filter:
  node_from_env_var: NODE
  namespace: shop
  labels: [{key: a, value: b}, {key: c, op: not-equals, value: d}, {key: e, op: exists},
           {key: f, op: does-not-exist}]
  fields: [{key: status.phase, op: not-equals, value: Failed}]
extract: {metadata: [k8s.pod.name]})",
        "node-7");
  EXPECT_TRUE(api_.wait_for_requests(
      "/api/v1/namespaces/shop/pods?limit=250&labelSelector=a%3Db%2Cc%21%3Dd%2Ce%2C%21f&"
      "fieldSelector=status.phase%21%3DFailed%2Cspec.nodeName%3Dnode-7",
      1));
  for (const std::string& request : api_.requests()) EXPECT_THAT(request, HasSubstr("/pods?"));
}

TEST_F(K8sAttributes, IgnoredPodsAreNotKnown) {
  json ignored = web_pod();
  ignored["metadata"]["annotations"]["opentelemetry.io/k8s-processor/ignore"] = "true";
  api_.put(kPods, ignored);
  json excluded = web_pod();
  excluded["metadata"]["name"] = "jaeger-agent-x";
  excluded["metadata"]["uid"] = "b";
  excluded["status"]["podIP"] = "10.1.2.4";
  api_.put(kPods, excluded);
  json host = web_pod();
  host["metadata"]["name"] = "host";
  host["metadata"]["uid"] = "c";
  host["status"]["podIP"] = "10.1.2.5";
  host["spec"]["hostNetwork"] = true;
  api_.put(kPods, host);
  start("extract: {metadata: [k8s.pod.name]}");
  for (const char* ip : {"10.1.2.3", "10.1.2.4", "10.1.2.5"}) {
    EXPECT_EQ(added({{"k8s.pod.ip", ip}}), Texts()) << ip;
  }
}

TEST_F(K8sAttributes, PassthroughAsksNobody) {
  start("passthrough: true");
  EXPECT_EQ(added({}, "10.1.2.3"), (Texts{{"k8s.pod.ip", "10.1.2.3"}}));
  EXPECT_EQ(added({}), Texts());
  EXPECT_TRUE(api_.requests().empty());
}

TEST_F(K8sAttributes, WaitingForMetadataFailsInTime) {
  api_.fail_next(1'000'000, 403);
  K8sAttributesSettings settings;
  settings.auth = KubeAuth::kKubeConfig;
  settings.wait_for_metadata = true;
  settings.wait_for_metadata_timeout = std::chrono::milliseconds(50);
  K8sAttributesProcessor processor(stage_.context(), settings, next_,
                                   {.root = "/nonexistent", .environment = [&](const std::string&) {
                                      return std::optional(api_.kubeconfig());
                                    }});
  const Status started = processor.start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("failed to wait for k8s metadata"));
}

TEST(PodTable, ForgetsPodsAfterTheGraceAndKnowsNoMoreThanItMay) {
  K8sAttributesSettings settings;
  settings.metadata.names = {"k8s.pod.name"};
  ComponentStage stage{"p"};
  FakeClock clock;
  PodTable table(settings, clock, stage.metrics, {}, 2);
  const std::string by_uid = identities_of_pod({}, {.uid = "pod-uid"}).front();
  table.on_list_begin();
  table.on_object(web_pod());
  table.on_list_end();
  EXPECT_NE(table.find(by_uid), nullptr);
  for (const char* uid : {"b", "c"}) {
    json pod = web_pod();
    pod["metadata"]["uid"] = uid;
    table.on_object(pod);
  }
  EXPECT_EQ(table.find(identities_of_pod({}, {.uid = "c"}).front()), nullptr);
  EXPECT_EQ(stage.metric("kernspan_k8s_objects_left_out", {{"kind", "pod"}}), 1);
  table.on_list_begin();  // neither is in it
  table.on_list_end();
  EXPECT_NE(table.find(by_uid), nullptr);
  clock.advance(PodTable::kGrace);
  table.on_list_begin();
  table.on_list_end();
  EXPECT_EQ(table.find(by_uid), nullptr);
  EXPECT_EQ(stage.metric("otelcol_otelsvc_k8s_pod_table_size", {}), 0);
  EXPECT_EQ(stage.metric("otelcol_otelsvc_k8s_pod_deleted", {}), 2);
}

TEST(KubeObjects, ImagesAndDeployments) {
  EXPECT_EQ(kube::parse_image("nginx").tag, "latest");
  EXPECT_EQ(kube::parse_image("host:5000/nginx").repository, "host:5000/nginx");
  EXPECT_EQ(kube::parse_image("host:5000/nginx").tag, "latest");
  EXPECT_EQ(kube::parse_image("nginx:1@sha256:a").tag, "1");
  EXPECT_EQ(kube::parse_image("nginx@sha256:a").tag, "");
  EXPECT_EQ(kube::parse_image("nginx@sha256:a").repository, "nginx");
  EXPECT_EQ(deployment_of_replicaset("web-api-5d9c7b8f6c"), "web-api");
  EXPECT_EQ(deployment_of_replicaset("web"), "");
}

class K8sAttributesConfig : public ProcessorFixture {
 protected:
  K8sAttributesConfig() : ProcessorFixture(k8s_attributes_processor_factory()) {}
};

TEST_F(K8sAttributesConfig, RefusesWhatUpstreamRefuses) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"auth_type: other", "auth_type"},
      {"auth_type: tls", "use kubeConfig"},
      {"context: a", "for auth_type: kubeConfig"},
      {"extract: {metadata: [k8s.pod.nam]}", "not a supported metadata field"},
      {"extract: {labels: [{tag_name: a}]}", "one of the two"},
      {"extract: {labels: [{key: a, key_regex: b}]}", "one of the two"},
      {"extract: {labels: [{key_regex: '('}]}", "is not a pattern"},
      {"extract: {labels: [{key: a, from: service}]}", "from"},
      {"filter: {labels: [{key: a, op: in}]}", "must be equals"},
      {"filter: {fields: [{key: a, op: exists}]}", "must be equals or not-equals"},
      {"pod_association: [{sources: [{from: nowhere}]}]", "from"},
      {"pod_association: [{sources: [{from: resource_attribute}]}]", "name"},
      {"pod_association: [{sources: []}]", "sources"},
      {"pod_association: [{sources: [{from: connection}, {from: connection}, {from: connection}, "
       "{from: connection}, {from: connection}]}]",
       "limit is 4"},
      {"exclude: {pods: [{name: '['}]}", "is not a pattern"},
  };
  for (const auto& [yaml, reason] : cases) EXPECT_THAT(create(yaml), HasSubstr(reason)) << yaml;
  EXPECT_EQ(create("wait_for_metadata: true\nwait_for_metadata_timeout: 5s"), "");
}

}  // namespace
}  // namespace kernspan
