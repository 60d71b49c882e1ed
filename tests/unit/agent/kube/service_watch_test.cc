#include "agent/kube/service_watch.h"

#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "tests/unit/pipeline/component_stage.h"
#include "tests/unit/pipeline/kubernetes/api_simulator.h"

namespace kernspan::kube {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr char kServices[] = "/api/v1/services";
constexpr char kSlices[] = "/apis/discovery.k8s.io/v1/endpointslices";

json service(const std::string& name, json spec) {
  return {{"metadata", {{"namespace", "shop"}, {"name", name}}}, {"spec", std::move(spec)}};
}

json slice(const std::string& name, const std::string& of, json addresses,
           json ports = json::array({{{"name", "http"}, {"protocol", "TCP"}, {"port", 8080}}})) {
  json endpoints = json::array();
  for (json& each : addresses) {
    endpoints.push_back({{"addresses", {each}}, {"conditions", {{"ready", true}}}});
  }
  return {
      {"metadata",
       {{"namespace", "shop"}, {"name", name}, {"labels", {{"kubernetes.io/service-name", of}}}}},
      {"addressType", "IPv4"},
      {"ports", std::move(ports)},
      {"endpoints", std::move(endpoints)}};
}

class ServiceWatchTest : public ::testing::Test {
 protected:
  void start(bool endpoints = true) {
    const AccessSources sources{
        .environment = [this](const std::string&) { return std::optional(api_.kubeconfig()); }};
    const auto access = kubeconfig_access(sources, "");
    ASSERT_TRUE(access) << access.error().message;
    watch_ = std::make_unique<ServiceWatch>(
        ServiceWatch::Settings{.endpoints = endpoints, .first_wait = 1ms, .longest_wait = 20ms},
        *access, directory_, stage_.metrics);
    watch_->start();
  }
  // "namespace/name"; empty: nobody's.
  std::string name_of(const std::string& ip, std::uint16_t port) {
    const auto found = directory_.find(service_ip(ip).value(), port);
    return found ? found->namespace_name + "/" + found->name : "";
  }
  static bool becomes(const std::function<bool()>& condition) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::sleep_for(1ms);
    }
    return true;
  }
  bool is_named(const std::string& ip, std::uint16_t port, const std::string& name) {
    return becomes([&] { return name_of(ip, port) == name; });
  }
  bool is_synced() {
    return becomes([&] {
      return directory_.cluster_ips.snapshot().is_synced &&
             directory_.endpoints.snapshot().is_synced;
    });
  }

  KubeApiSimulator api_;
  ComponentStage stage_{"test"};
  ServiceDirectory directory_{{}};
  std::unique_ptr<ServiceWatch> watch_;
};

TEST_F(ServiceWatchTest, ClusterIpsOfBothFamiliesHaveNames) {
  api_.put(kServices, service("cart", {{"clusterIP", "10.96.0.10"},
                                       {"clusterIPs", {"10.96.0.10", "fd00::10"}}}));
  api_.put(kServices, service("old", {{"clusterIP", "10.96.0.11"}}));
  api_.put(kServices, service("db", {{"clusterIP", "None"}, {"clusterIPs", {"None"}}}));
  api_.put(kServices, service("out", {{"type", "ExternalName"}, {"externalName", "a.example"}}));
  start();
  ASSERT_TRUE(is_synced());
  EXPECT_EQ(name_of("10.96.0.10", 80), "shop/cart");
  EXPECT_EQ(name_of("fd00::10", 1), "shop/cart");
  EXPECT_EQ(name_of("10.96.0.11", 80), "shop/old");
  EXPECT_EQ(directory_.cluster_ips.snapshot().addresses, 3u);
}

TEST_F(ServiceWatchTest, FollowsWhatChanges) {
  start();
  ASSERT_TRUE(is_synced());
  api_.put(kServices, service("cart", {{"clusterIP", "10.96.0.10"}}));
  ASSERT_TRUE(is_named("10.96.0.10", 80, "shop/cart"));
  api_.put(kSlices, slice("cart-x", "cart", {"10.1.0.1"}));
  ASSERT_TRUE(is_named("10.1.0.1", 8080, "shop/cart"));
  api_.put(kSlices, slice("cart-x", "cart", {"10.1.0.2"}));
  ASSERT_TRUE(is_named("10.1.0.2", 8080, "shop/cart"));
  EXPECT_EQ(name_of("10.1.0.1", 8080), "");
  api_.put(kServices, service("cart", {{"clusterIP", "None"}}));
  ASSERT_TRUE(is_named("10.96.0.10", 80, ""));
  api_.remove(kSlices, "cart-x");
  ASSERT_TRUE(is_named("10.1.0.2", 8080, ""));
}

TEST_F(ServiceWatchTest, PortsOfSlicesAreThoseOfTcp) {
  api_.put(kSlices, slice("dns", "dns", {"10.1.0.1"},
                          {{{"protocol", "UDP"}, {"port", 53}}, {{"port", 9153}}}));
  api_.put(kSlices, slice("headless", "db", {"10.1.0.2"}, nullptr));
  api_.put(kSlices, slice("all", "all", {"10.1.0.3"}, {{{"name", "any"}, {"port", nullptr}}}));
  api_.put(kSlices, slice("odd", "odd", {"10.1.0.4"},
                          {{{"port", "http"}}, {{"port", 70000}}, {{"port", -1}}, 7}));
  start();
  ASSERT_TRUE(is_synced());
  EXPECT_EQ(name_of("10.1.0.1", 9153), "shop/dns");
  EXPECT_EQ(name_of("10.1.0.1", 53), "");
  EXPECT_EQ(name_of("10.1.0.2", 5432), "shop/db");
  EXPECT_EQ(name_of("10.1.0.3", 1), "shop/all");
  EXPECT_EQ(name_of("10.1.0.4", 70000 & 0xffff), "");
}

TEST_F(ServiceWatchTest, AddressesOfANodeAreOfSeveralServices) {
  api_.put(kSlices, slice("exporter", "node-exporter", {"192.0.2.1", "192.0.2.2"}));
  api_.put(kSlices, slice("ingress", "ingress", {"192.0.2.1"}));
  start();
  ASSERT_TRUE(is_synced());
  EXPECT_EQ(name_of("192.0.2.1", 8080), "");
  EXPECT_EQ(name_of("192.0.2.2", 8080), "shop/node-exporter");
  EXPECT_EQ(name_of("192.0.2.2", 30080), "") << "a node port of whatever service";
}

TEST_F(ServiceWatchTest, WhatIsNotAsItShouldBeDoesNoHarm) {
  api_.put(kSlices, {{"metadata", {{"namespace", "shop"}, {"name", "none"}}}, {"endpoints", 7}});
  json unnamed = slice("a", "cart", {"10.1.0.1"});
  unnamed["metadata"].erase("labels");
  api_.put(kSlices, unnamed);
  json long_name = slice("b", std::string(300, 'x'), {"10.1.0.2"});
  api_.put(kSlices, long_name);
  api_.put(kSlices, slice("c", "names", {"host.example", 7, nullptr, "10.1.0.3"}));
  api_.put(kSlices, slice(std::string(300, 'y'), "cart", {"10.1.0.4"}));
  api_.put(kServices, service("strange", {{"clusterIP", 7}, {"clusterIPs", {{"a", "b"}}}}));
  start();
  ASSERT_TRUE(is_synced());
  EXPECT_EQ(directory_.endpoints.snapshot().addresses, 1u);
  EXPECT_EQ(name_of("10.1.0.3", 8080), "shop/names");
  EXPECT_EQ(directory_.endpoints.snapshot().counters.bad, 1u);
  EXPECT_EQ(directory_.cluster_ips.snapshot().addresses, 0u);
}

TEST_F(ServiceWatchTest, KeepsWhatIsKnownWhileTheApiFails) {
  api_.put(kServices, service("cart", {{"clusterIP", "10.96.0.10"}}));
  api_.fail_next(4, 403);
  start();
  ASSERT_TRUE(is_named("10.96.0.10", 80, "shop/cart"));
  ASSERT_TRUE(is_synced());
  EXPECT_EQ(stage_.metric("kernspan_kubernetes_failures", {{"path", kServices}}) +
                stage_.metric("kernspan_kubernetes_failures", {{"path", kSlices}}),
            4);
  api_.fail_next(3, 500);
  api_.forget_history(false);
  api_.close_watches();
  EXPECT_TRUE(becomes([&] {
    return stage_.metric("kernspan_kubernetes_failures", {{"path", kServices}}) +
               stage_.metric("kernspan_kubernetes_failures", {{"path", kSlices}}) >=
           7;
  }));
  EXPECT_EQ(name_of("10.96.0.10", 80), "shop/cart");
  api_.put(kServices, service("pay", {{"clusterIP", "10.96.0.12"}}));
  EXPECT_TRUE(is_named("10.96.0.12", 80, "shop/pay"));
  watch_->stop();
  watch_->stop();
}

TEST_F(ServiceWatchTest, AsksForNoMoreThanItIsTo) {
  api_.put(kServices, service("cart", {{"clusterIP", "10.96.0.10"}}));
  start(false);
  ASSERT_TRUE(is_named("10.96.0.10", 80, "shop/cart"));
  watch_->stop();
  for (const std::string& request : api_.requests()) {
    EXPECT_TRUE(request.starts_with(kServices)) << request;
  }
}

TEST_F(ServiceWatchTest, AsksForSlicesOfServicesOnly) {
  start();
  ASSERT_TRUE(is_synced());
  EXPECT_TRUE(api_.wait_for_requests(
      "endpointslices?limit=250&labelSelector=kubernetes.io%2Fservice-name", 1));
}

}  // namespace
}  // namespace kernspan::kube
