#include "pipeline/routing/resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "pipeline/component/config_reader.h"
#include "tests/unit/pipeline/component_stage.h"
#include "tests/unit/pipeline/dns_responder.h"
#include "tests/unit/pipeline/routing/endpoint_log.h"

namespace kernspan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using Endpoints = std::vector<std::string>;
using namespace std::chrono_literals;

// What is wrong with the settings; empty when nothing is.
std::string read(const std::string& yaml, ResolverSettings* settings) {
  const ConfigNode node = ComponentStage::yaml(yaml);
  ConfigWarnings warnings;
  ConfigReader reader(node, warnings, "resolver");
  read_resolver(reader, settings);
  const Status read = reader.finish();
  return read ? "" : read.error().message;
}

TEST(ResolverSettings, HaveUpstreamsDefaults) {
  ResolverSettings settings;
  EXPECT_EQ(read("dns: {hostname: gateway}", &settings), "");
  EXPECT_EQ(settings.kind, ResolverSettings::Kind::kDns);
  EXPECT_EQ(settings.dns.port, "");
  EXPECT_EQ(settings.dns.interval, 5s);
  EXPECT_EQ(settings.dns.timeout, 1s);
  settings = {};
  EXPECT_EQ(read("k8s: {service: gateway.tracing}", &settings), "");
  EXPECT_EQ(settings.k8s.service, "gateway");
  EXPECT_EQ(settings.k8s.service_namespace, "tracing");
  EXPECT_EQ(settings.k8s.timeout, 1s);
}

TEST(ResolverSettings, TakePortsAsNumbersAndAsStrings) {
  for (const char* port : {"4318", "'4318'"}) {
    ResolverSettings settings;
    EXPECT_EQ(read(std::string("dns: {hostname: a, port: ") + port + "}", &settings), "");
    EXPECT_EQ(settings.dns.port, "4318");
  }
  ResolverSettings settings;
  EXPECT_EQ(read("k8s: {service: a.b.svc.cluster.local, ports: [15317, 16317]}", &settings), "");
  EXPECT_THAT(settings.k8s.ports, ElementsAre(15317, 16317));
  EXPECT_EQ(settings.k8s.service_namespace, "b");
}

TEST(ResolverSettings, RefuseWhatUpstreamRefusesAndWhatCannotBe) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"{}", "no resolvers specified"},
      {"{static: {hostnames: [a]}, dns: {hostname: b}}", "only one resolver"},
      {"static: {hostnames: []}", "no hostnames specified"},
      {"static: {hostnames: ['a:b']}", "'a:b' is not host:port"},
      {"static: {hostnames: ['http://a']}", "is not host:port"},
      {"dns: {port: '4317'}", "no hostname specified"},
      {"dns: {hostname: a, port: 70000}", "is not a port"},
      {"dns: {hostname: a, ports: 1}", "ports"},
      {"k8s: {ports: [1]}", "no service specified"},
      {"k8s: {service: a/b}", "not the name of a service"},
      {"k8s: {service: a.b.c}", "not the name of a service"},
      {"k8s: {service: a, ports: [0]}", "list of ports"},
      {"aws_cloud_map: {namespace: a}", "is not supported"},
  };
  for (const auto& [yaml, reason] : cases) {
    ResolverSettings settings;
    EXPECT_THAT(read(yaml, &settings), HasSubstr(reason)) << yaml;
  }
}

TEST(EndpointWithPort, AddsUpstreamsPort) {
  EXPECT_EQ(endpoint_with_port("gateway-1"), "gateway-1:4317");
  EXPECT_EQ(endpoint_with_port("gateway-1:9000"), "gateway-1:9000");
  EXPECT_EQ(endpoint_with_port("[fd00::1]"), "[fd00::1]:4317");
  EXPECT_EQ(endpoint_with_port("[fd00::1]:9000"), "[fd00::1]:9000");
}

class ResolverTest : public ::testing::Test {
 protected:
  void make(const std::string& yaml) {
    ResolverSettings settings;
    ASSERT_EQ(read(yaml, &settings), "");
    resolver_ = make_resolver(settings, {.path = "exporters::load_balancing",
                                         .metrics = stage_.metrics,
                                         .labels = {{"exporter", "lb"}}});
    ASSERT_TRUE(resolver_->start(log_.listener()));
  }
  double resolutions(const char* success) {
    return stage_.metric("otelcol_loadbalancer_num_resolutions", labels(success));
  }
  MetricLabels labels(const char* success) {
    return {{"exporter", "lb"}, {"resolver", kind_}, {"success", success}};
  }
  double metric(const std::string& name) {
    return stage_.metric(name, {{"exporter", "lb"}, {"resolver", kind_}});
  }

  std::string kind_ = "dns";
  ComponentStage stage_{"lb"};
  EndpointLog log_;
  std::unique_ptr<Resolver> resolver_;
};

TEST_F(ResolverTest, StaticAnswersOnceSortedAndWithoutRepetitions) {
  kind_ = "static";
  make("static: {hostnames: [b:1, a:2, b:1]}");
  EXPECT_THAT(log_.sets(), ElementsAre(Endpoints{"a:2", "b:1"}));
  EXPECT_EQ(resolutions("true"), 1);
  EXPECT_EQ(metric("otelcol_loadbalancer_num_backends"), 2);
  EXPECT_EQ(metric("otelcol_loadbalancer_num_backend_updates"), 1);
  resolver_->stop();
}

TEST_F(ResolverTest, DnsTellsOfChangesOnly) {
  DnsResponder dns;
  dns.answer({"10.0.0.2", "10.0.0.1"});
  make("dns: {hostname: gateway.test, port: 4317, interval: 5ms, timeout: 10s, server: '" +
       dns.server() + "'}");
  ASSERT_TRUE(log_.wait_for({"10.0.0.1:4317", "10.0.0.2:4317"}));
  ASSERT_TRUE(wait_for_metric(stage_, "otelcol_loadbalancer_num_resolutions", labels("true"), 3));
  EXPECT_THAT(log_.sets(), SizeIs(1));
  dns.answer({"10.0.0.2", "10.0.0.3"}, {"fd00::7"});
  ASSERT_TRUE(log_.wait_for({"10.0.0.2:4317", "10.0.0.3:4317", "[fd00::7]:4317"}));
  resolver_->stop();
  EXPECT_EQ(metric("otelcol_loadbalancer_num_backends"), 3);
  EXPECT_EQ(metric("otelcol_loadbalancer_num_backend_updates"), log_.sets().size());
}

TEST_F(ResolverTest, AFailedLookupKeepsWhatThereWas) {
  DnsResponder dns;
  dns.answer({"10.0.0.1"});
  make("dns: {hostname: gateway.test, interval: 5ms, timeout: 300ms, server: '" + dns.server() +
       "'}");
  ASSERT_TRUE(log_.wait_for({"10.0.0.1"}));
  dns.name_error();
  ASSERT_TRUE(wait_for_metric(stage_, "otelcol_loadbalancer_num_resolutions", labels("false"), 2));
  dns.answer({});  // a name without addresses is no answer either
  ASSERT_TRUE(wait_for_metric(stage_, "otelcol_loadbalancer_num_resolutions", labels("false"),
                              resolutions("false") + 2));
  dns.keep_silent();
  ASSERT_TRUE(wait_for_metric(stage_, "otelcol_loadbalancer_num_resolutions", labels("false"),
                              resolutions("false") + 1));
  EXPECT_THAT(log_.sets(), SizeIs(1));
  dns.answer({"10.0.0.9"});
  EXPECT_TRUE(log_.wait_for({"10.0.0.9"}));
  resolver_->stop();
}

TEST_F(ResolverTest, StopDoesNotWaitForAnAnswer) {
  DnsResponder dns;
  dns.keep_silent();
  make("dns: {hostname: gateway.test, interval: 1h, timeout: 1h, server: '" + dns.server() + "'}");
  resolver_->stop();
  resolver_->stop();
  EXPECT_THAT(log_.sets(), SizeIs(0));
}

TEST_F(ResolverTest, DnsKnowsTheHostsFileAndAddresses) {
  make("dns: {hostname: 127.0.0.1, port: 1234, timeout: 10s}");
  EXPECT_TRUE(log_.wait_for({"127.0.0.1:1234"}));
  resolver_->stop();
}

}  // namespace
}  // namespace kernspan
