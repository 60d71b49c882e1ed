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

TEST(EbpfConfig, RefusesOtherTypes) {
  for (const char* yaml : {"cross_node_links: 7", "network_namespaces: {a: b}"}) {
    EXPECT_FALSE(read(yaml)) << yaml;
  }
}

}  // namespace
}  // namespace kernspan
