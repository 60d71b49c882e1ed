#include "agent/receiver/kubernetes_config.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "agent/receiver/ebpf_config.h"
#include "pipeline/component/config_yaml.h"

namespace kernspan {
namespace {

Result<EbpfConfig> read(const std::string& yaml) {
  ConfigWarnings warnings;
  const Result<ConfigNode> node =
      parse_config(yaml, "a.yaml", [](std::string_view) { return std::nullopt; }, warnings);
  EXPECT_TRUE(node) << node.error().message;
  return EbpfConfig::read(*node, warnings, "receivers::ebpf");
}

KubernetesConfig kubernetes(const std::string& yaml) {
  const Result<EbpfConfig> config = read("kubernetes: " + yaml);
  EXPECT_TRUE(config) << config.error().message;
  return config ? config->kubernetes : KubernetesConfig{};
}

class KubeletAccess : public testing::Test {
 protected:
  KubeletAccess() : root_(std::filesystem::path(testing::TempDir()) / "kubelet-access") {
    std::filesystem::create_directories(root_);
  }
  ~KubeletAccess() override { std::filesystem::remove_all(root_); }

  kube::ApiAccess access(const std::string& yaml) {
    const kube::AccessSources sources{
        .root = root_,
        .environment = [this](const std::string& name) -> std::optional<std::string> {
          const auto found = environment_.find(name);
          return found == environment_.end() ? std::nullopt : std::optional(found->second);
        }};
    return kubelet_access(kubernetes(yaml), sources, "host");
  }
  std::string url(const std::string& yaml) { return access(yaml).url; }

  std::filesystem::path root_;
  std::map<std::string, std::string> environment_;
};

TEST_F(KubeletAccess, TheNodeIsFoundByConfigurationThenEnvironmentThenName) {
  EXPECT_EQ(url("{auth_type: serviceAccount}"), "https://host:10250");
  environment_["K8S_NODE_NAME"] = "node-a";
  EXPECT_EQ(url("{auth_type: serviceAccount}"), "https://node-a:10250");
  environment_["K8S_NODE_IP"] = "192.0.2.7";
  EXPECT_EQ(url("{auth_type: serviceAccount}"), "https://192.0.2.7:10250");
  environment_["K8S_NODE_IP"] = "2001:db8::7";
  EXPECT_EQ(url("{auth_type: serviceAccount}"), "https://[2001:db8::7]:10250");
  EXPECT_EQ(url("{endpoint: ':12345'}"), "https://[2001:db8::7]:12345");
  EXPECT_EQ(url("{endpoint: other}"), "https://other:10250");
  EXPECT_EQ(url("{endpoint: 'https://other:1'}"), "https://other:1");
  EXPECT_EQ(url("{endpoint: '[::1]:1'}"), "https://[::1]:1");
  EXPECT_EQ(url("{endpoint: '::1'}"), "https://[::1]:10250");
}

TEST_F(KubeletAccess, TheReadOnlyPortGetsNoToken) {
  EXPECT_EQ(url("{auth_type: none}"), "http://host:10255");
  EXPECT_EQ(access("{auth_type: none}").token_file, "");
  EXPECT_EQ(url("{auth_type: none, endpoint: 'https://a:1'}"), "https://a:1");
  EXPECT_FALSE(read("kubernetes: {endpoint: 'http://a:10255'}")) << "the token in clear";
}

TEST_F(KubeletAccess, ThePodsOwnFilesAreUsed) {
  EXPECT_EQ(access("{auth_type: serviceAccount}").ca_file, "") << "it is not there";
  const auto folder = root_ / "var/run/secrets/kubernetes.io/serviceaccount";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "ca.crt") << "x";
  const kube::ApiAccess own = access("{auth_type: serviceAccount}");
  EXPECT_EQ(own.token_file, folder / "token");
  EXPECT_EQ(own.ca_file, folder / "ca.crt");
  const kube::ApiAccess other = access("{token_file: /t, ca_file: /c, insecure_skip_verify: true}");
  EXPECT_EQ(other.token_file, "/t");
  EXPECT_EQ(other.ca_file, "/c");
  EXPECT_TRUE(other.skip_verify);
}

TEST(KubernetesConfig, IsOffWithoutItsSection) {
  const Result<EbpfConfig> config = read("url_query: false");
  ASSERT_TRUE(config);
  EXPECT_FALSE(config->kubernetes.enabled);
  EXPECT_TRUE(kubernetes("{auth_type: none}").enabled);
}

TEST(KubernetesConfig, ReadsItsKeys) {
  const KubernetesConfig config = kubernetes(
      "{collection_interval: 30s, timeout: 2s, enrichment_wait: 1s, retention: 5m, max_pods: 250, "
      "max_response_size: 1MiB, extract: {labels: [app], annotations: [a, 'b/*'], "
      "otel_annotations: false, use_labels_for_resource_attributes: true}}");
  EXPECT_EQ(config.kubelet.interval, std::chrono::seconds(30));
  EXPECT_EQ(config.kubelet.timeout, std::chrono::seconds(2));
  EXPECT_EQ(config.kubelet.body_bytes_max, 1u << 20);
  EXPECT_EQ(config.kubelet.pods_max, 250u);
  EXPECT_EQ(config.directory.pods_max, 250u);
  EXPECT_EQ(config.directory.retention_ns, 300'000'000'000u);
  EXPECT_EQ(config.enrichment.wait_ns, 1'000'000'000u);
  EXPECT_EQ(config.attributes.labels, std::vector<std::string>{"app"});
  EXPECT_FALSE(config.attributes.otel_annotations);
  EXPECT_TRUE(config.attributes.use_labels_for_resource_attributes);
  EXPECT_EQ(config.kubelet.fields.annotations, std::vector<std::string>{"a"});
  EXPECT_EQ(config.kubelet.fields.annotation_prefixes.back(), "b/");
}

TEST(KubernetesConfig, RefusesWhatCannotBe) {
  for (const char* yaml :
       {"{auth_type: password}", "{collection_interval: 100ms}", "{endpoint: 'https://a/b'}",
        "{endpoint: 'https://user@a'}", "{auth_type: tls}", "{max_pods: 0}", "{unknown: 1}",
        "{extract: {labels: {a: b}}}"}) {
    EXPECT_FALSE(read(std::string("kubernetes: ") + yaml)) << yaml;
  }
}

}  // namespace
}  // namespace kernspan
