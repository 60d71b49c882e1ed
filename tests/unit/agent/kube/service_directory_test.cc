#include "agent/kube/service_directory.h"

#include <gtest/gtest.h>

namespace kernspan::kube {
namespace {

ServiceIp ip(const std::string& text) {
  return service_ip(text).value();
}

ServiceAddresses addresses(const std::string& service, std::vector<std::string> texts,
                           std::vector<std::uint16_t> ports = {80}) {
  ServiceAddresses made{
      .service = {"shop", service}, .ips = {}, .ports = std::move(ports), .any_port = false};
  for (const std::string& text : texts) made.ips.push_back(ip(text));
  return made;
}

std::string found(const ServiceTable& table, const std::string& text, std::uint16_t port = 80) {
  const auto service = table.find(ip(text), port);
  return service ? service->name : "";
}

TEST(ServiceIpText, IsAnAddressOrNothing) {
  EXPECT_EQ(ip("192.0.2.1"), ip("::ffff:192.0.2.1"));
  EXPECT_NE(ip("2001:db8::1"), ip("2001:db8::2"));
  for (const char* text : {"", "None", "db.example", "192.0.2", "192.0.2.1 ", "fe80::1%eth0"}) {
    EXPECT_FALSE(service_ip(text)) << text;
  }
}

TEST(ServiceTable, AnAddressIsOfOneServiceOrNobodys) {
  ServiceTable table(100);
  table.set("shop/cart-a", addresses("cart", {"10.0.0.1", "10.0.0.2"}));
  table.set("shop/cart-b", addresses("cart", {"10.0.0.1", "2001:db8::1"}, {90}));
  table.set("shop/pay-a", addresses("pay", {"10.0.0.2"}, {81}));
  EXPECT_EQ(found(table, "10.0.0.1", 80), "cart");
  EXPECT_EQ(found(table, "10.0.0.1", 90), "cart") << "two slices of one service";
  EXPECT_EQ(found(table, "10.0.0.1", 91), "") << "no port of it";
  EXPECT_EQ(found(table, "10.0.0.2", 80), "") << "two services have it";
  EXPECT_EQ(found(table, "2001:db8::1", 90), "cart");
  EXPECT_EQ(found(table, "10.0.0.3"), "");
  table.remove("shop/pay-a");
  EXPECT_EQ(found(table, "10.0.0.2", 80), "cart");
  table.remove("shop/pay-a");
  EXPECT_EQ(table.snapshot().counters.deleted, 1u);
}

TEST(ServiceTable, TheGenerationGrowsWithEveryChangeAndNoOther) {
  ServiceTable table(100);
  table.set("shop/a", addresses("a", {"10.0.0.1", "10.0.0.1"}));
  const std::uint64_t added = table.generation();
  EXPECT_GT(added, 0u);
  EXPECT_EQ(table.snapshot().addresses, 1u);
  table.set("shop/a", addresses("a", {"10.0.0.1"}));
  table.remove("shop/b");
  EXPECT_EQ(table.generation(), added);
  table.set("shop/a", addresses("a", {"10.0.0.2"}));
  EXPECT_GT(table.generation(), added);
  EXPECT_EQ(found(table, "10.0.0.1"), "");
  EXPECT_EQ(found(table, "10.0.0.2"), "a");
  EXPECT_EQ(table.snapshot().counters.updated, 1u);
}

TEST(ServiceTable, WhatAListDoesNotHaveIsGone) {
  ServiceTable table(100);
  table.begin_list();
  table.set("shop/a", addresses("a", {"10.0.0.1"}));
  table.set("shop/b", addresses("b", {"10.0.0.2"}));
  EXPECT_FALSE(table.snapshot().is_synced);
  table.end_list();
  EXPECT_TRUE(table.snapshot().is_synced);
  table.begin_list();  // is not finished
  table.set("shop/b", addresses("b", {"10.0.0.2"}));
  EXPECT_EQ(found(table, "10.0.0.1"), "a") << "what was known counts until a list says otherwise";
  table.begin_list();
  table.set("shop/b", addresses("b", {}));
  table.set("shop/c", addresses("c", {"10.0.0.3"}));
  table.end_list();
  EXPECT_EQ(found(table, "10.0.0.1"), "");
  EXPECT_EQ(found(table, "10.0.0.2"), "");
  EXPECT_EQ(found(table, "10.0.0.3"), "c");
  EXPECT_EQ(table.snapshot().addresses, 1u);
}

TEST(ServiceTable, IsBounded) {
  ServiceTable table(2);
  table.set("shop/a", addresses("a", {"10.0.0.1", "10.0.0.2"}));
  table.set("shop/b", addresses("b", {"10.0.0.3"}));
  EXPECT_EQ(found(table, "10.0.0.3"), "");
  EXPECT_EQ(table.snapshot().counters.left_out, 1u);
  table.set("shop/a", addresses("a", {"10.0.0.1", "10.0.0.2", "10.0.0.4"}));
  EXPECT_EQ(found(table, "10.0.0.1"), "") << "what it was before it is no more";
  EXPECT_EQ(table.snapshot().addresses, 0u);
  table.set("shop/b", addresses("b", {"10.0.0.3"}));
  EXPECT_EQ(found(table, "10.0.0.3"), "b");
}

TEST(ServiceDirectory, AClusterIpComesBeforeEndpoints) {
  ServiceDirectory directory({});
  directory.endpoints.set("shop/a", addresses("endpoint", {"10.0.0.1", "10.0.0.2"}));
  directory.cluster_ips.set("shop/b", addresses("cluster", {"10.0.0.1"}));
  EXPECT_EQ(directory.find(ip("10.0.0.1"), 80)->name, "cluster");
  EXPECT_EQ(directory.find(ip("10.0.0.2"), 80)->name, "endpoint");
  EXPECT_EQ(directory.generation(), 2u);
}

}  // namespace
}  // namespace kernspan::kube
