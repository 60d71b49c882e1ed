#include "agent/receiver/ebpf_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

TEST(EbpfConfig, LinksNodesAndTracesAllNamespacesUnlessToldOtherwise) {
  const Result<EbpfConfig> config = read("url_query: false");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_TRUE(config->tracer.links.across_nodes);
  EXPECT_THAT(config->network_namespaces, testing::IsEmpty());
}

TEST(EbpfConfig, ReadsWhatConcernsNodes) {
  const Result<EbpfConfig> config =
      read("{cross_node_links: false, network_namespaces: [/run/netns/blue, /proc/1/ns/net]}");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_FALSE(config->tracer.links.across_nodes);
  EXPECT_THAT(config->network_namespaces,
              testing::ElementsAre("/run/netns/blue", "/proc/1/ns/net"));
}

TEST(EbpfConfig, ReadsWhatSpansShow) {
  const Result<EbpfConfig> config = read(R"(
url_query: true
http:
  request_headers: [X-Request-Id]
  response_headers: [set-cookie]
  reveal_headers: [set-cookie]
  max_header_value_bytes: 64
  redaction: {patterns: ["[0-9]{3,4}"], query_keys: [token]}
  path_templates: {routes: ["/users/{id}"], automatic: true, max_per_service: 7, replace_path: true}
)");
  ASSERT_TRUE(config) << config.error().message;
  const SpanOptions& spans = config->tracer.spans;
  EXPECT_TRUE(spans.url_query);
  EXPECT_THAT(spans.request_headers.names(), testing::ElementsAre("x-request-id"));
  EXPECT_TRUE(spans.revealed_headers.contains("set-cookie"));
  EXPECT_EQ(spans.header_value_bytes, 64u);
  std::string storage;
  EXPECT_EQ(spans.redaction->redacted("/1234", storage), "/REDACTED");
  EXPECT_EQ(spans.redaction->redacted_query("token=a", storage), "token=REDACTED");
  ASSERT_TRUE(spans.templates);
  EXPECT_EQ(spans.templates->find("/users/7"), "/users/{id}");
  EXPECT_TRUE(spans.guess_templates);
  EXPECT_TRUE(spans.replace_path);
  EXPECT_EQ(spans.guessed_templates_max, 7u);
}

TEST(EbpfConfig, RefusesWhatWouldShowTooMuchOrNothing) {
  for (const char* yaml :
       {"http: {request_headers: ['*']}", "http: {request_headers: ['a b']}",
        "http: {redaction: {patterns: '[0-9]{3,4}'}}", "http: {redaction: {patterns: ['(']}}",
        "http: {path_templates: {routes: ['users']}}", "http: {max_header_value_bytes: 9000}",
        "http: {request_header: [a]}"}) {
    EXPECT_FALSE(read(yaml)) << yaml;
  }
}

TEST(EbpfConfig, ReadsSelectors) {
  const Result<EbpfConfig> config = read(R"(
http: {request_headers: [x-a], redaction: {patterns: ["s3[a-z]+"]}}
selectors:
  - name: scrapes
    match: {server_port: [9090, 9100-9110]}
    action: ignore
  - match:
      k8s_namespace: [shop, "team-*"]
      k8s_pod_labels: {app: "cart*"}
      in_pod: true
      executable: nginx
    sampling_ratio: 0.5
    http: {request_headers: [x-b], redaction: {patterns: ["[0-9]{16}"]}, url_query: true}
)");
  ASSERT_TRUE(config) << config.error().message;
  const std::vector<SelectorRule>& rules = config->tracer.selectors->rules();
  ASSERT_EQ(rules.size(), 2u);
  EXPECT_EQ(rules[0].name, "scrapes");
  EXPECT_EQ(rules[0].action, SelectorAction::kIgnore);
  EXPECT_EQ(rules[0].match.ports.at(1).last, 9110);
  EXPECT_THAT(rules[1].match.namespaces, testing::ElementsAre("shop", "team-*"));
  EXPECT_EQ(rules[1].match.labels.at(0).second, "cart*");
  EXPECT_EQ(rules[1].match.in_pod, true);
  EXPECT_EQ(rules[1].sampling.digits(), "8");
  const SpanOptions& spans = rules[1].spans;
  EXPECT_THAT(spans.request_headers.names(), testing::ElementsAre("x-b")) << "instead of";
  std::string storage;
  EXPECT_EQ(spans.redaction->redacted("s3cret 4111111111111111", storage), "REDACTED REDACTED")
      << "what is redacted only grows";
  EXPECT_TRUE(spans.url_query);
  EXPECT_FALSE(config->tracer.spans.url_query);
}

TEST(EbpfConfig, RefusesSelectorsThatMeanNothing) {
  for (const char* yaml :
       {"selectors: {a: b}", "selectors: [{acton: ignore}]", "selectors: [{action: drop}]",
        "selectors: [{match: {server_port: 9100-9000}}]", "selectors: [{match: {server_port: x}}]",
        "selectors: [{match: {k8s_pod_labels: [app]}}]", "selectors: [{sampling_ratio: 1.5}]",
        "selectors: [{sampling_ratio: 0}]", "selectors: [{http: {request_headers: ['*']}}]",
        "{selectors: [], selectors_file: /a}"}) {
    EXPECT_FALSE(read(yaml)) << yaml;
  }
}

TEST(EbpfConfig, RefusesOtherTypes) {
  for (const char* yaml : {"cross_node_links: 7", "network_namespaces: {a: b}"}) {
    EXPECT_FALSE(read(yaml)) << yaml;
  }
}

}  // namespace
}  // namespace kernspan
