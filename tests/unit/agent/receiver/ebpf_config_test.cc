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

TEST(EbpfConfig, RefusesOtherTypes) {
  for (const char* yaml : {"cross_node_links: 7", "network_namespaces: {a: b}"}) {
    EXPECT_FALSE(read(yaml)) << yaml;
  }
}

}  // namespace
}  // namespace kernspan
