#include "agent/causality/wire_index.h"

#include <gtest/gtest.h>

#include <random>
#include <unordered_map>
#include <vector>

namespace kernspan {
namespace {

class WireIndexTest : public testing::Test {
 protected:
  ExchangePtr end(Role role, std::uint16_t client_port, std::uint32_t seq) {
    ExchangePtr exchange = pool_.acquire();
    exchange->role = role;
    SocketAddress client;
    client.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
    client.port = client_port;
    (role == Role::kClient ? exchange->local : exchange->remote) = client;
    exchange->request_seq = seq;
    return exchange;
  }

  ExchangePool pool_{100'000};
  WireIndex index_;
};

TEST_F(WireIndexTest, EndsMeetInEitherOrderAndWaitNoLonger) {
  for (const bool client_first : {true, false}) {
    const ExchangePtr client = end(Role::kClient, 40'000, 7);
    const ExchangePtr server = end(Role::kServer, 40'000, 7);
    const ExchangePtr& first = client_first ? client : server;
    const ExchangePtr& second = client_first ? server : client;
    EXPECT_FALSE(index_.meet(*first));
    EXPECT_TRUE(first->waits_on_wire);
    EXPECT_EQ(index_.meet(*second), first);
    EXPECT_FALSE(first->waits_on_wire);
    EXPECT_FALSE(second->waits_on_wire);
    EXPECT_EQ(index_.waiting(), 0U);
  }
}

TEST_F(WireIndexTest, OtherPortOrNumberIsAnotherRequest) {
  const ExchangePtr client = end(Role::kClient, 40'000, 7);
  index_.meet(*client);
  EXPECT_FALSE(index_.meet(*end(Role::kServer, 40'001, 7)));
  EXPECT_FALSE(index_.meet(*end(Role::kServer, 40'000, 8)));
  EXPECT_EQ(index_.waiting(), 3U);
}

TEST_F(WireIndexTest, TheLaterOfTwoEqualEndsStays) {
  const ExchangePtr old = end(Role::kServer, 40'000, 7);
  const ExchangePtr recent = end(Role::kServer, 40'000, 7);
  index_.meet(*old);
  EXPECT_FALSE(index_.meet(*recent));
  EXPECT_EQ(index_.collisions(), 1U);
  EXPECT_FALSE(old->waits_on_wire);
  index_.withdraw(*old);  // waits no more: must not take the other one out
  EXPECT_EQ(index_.meet(*end(Role::kClient, 40'000, 7)), recent);
}

TEST_F(WireIndexTest, SequenceNumbersMayWrapAround) {
  std::vector<ExchangePtr> clients;
  for (std::uint32_t i = 0; i < 200; ++i) {
    clients.push_back(end(Role::kClient, 40'000, 0xffffff00 + 45 * i));
    index_.meet(*clients.back());
  }
  for (std::size_t i = 0; i < clients.size(); i += 2) index_.withdraw(*clients[i]);
  for (std::size_t i = 1; i < clients.size(); i += 2) {
    EXPECT_EQ(index_.meet(*end(Role::kServer, 40'000, clients[i]->request_seq)), clients[i]);
  }
  EXPECT_EQ(index_.waiting(), 0U);
}

// Two connections of one client port, to two servers.
TEST_F(WireIndexTest, SequenceNumbersMayLieFarApart) {
  std::vector<ExchangePtr> clients;
  for (std::uint32_t i = 0; i < 300; ++i) {
    clients.push_back(end(Role::kClient, 40'000, i * 0x60000000 + 45 * i));
    index_.meet(*clients.back());
  }
  for (const ExchangePtr& client : clients) {
    EXPECT_EQ(index_.meet(*end(Role::kServer, 40'000, client->request_seq)), client);
  }
  EXPECT_EQ(index_.waiting(), 0U);
}

TEST_F(WireIndexTest, AnEndThatWaitsLongDoesNotKeepTheOthers) {
  const ExchangePtr stream = end(Role::kServer, 40'000, 1);
  index_.meet(*stream);
  for (std::uint32_t i = 0; i < 10'000; ++i) {
    const ExchangePtr call = end(Role::kServer, 40'000, 100 + 45 * i);
    index_.meet(*call);
    index_.withdraw(*call);
  }
  EXPECT_EQ(index_.waiting(), 1U);
  EXPECT_EQ(index_.meet(*end(Role::kClient, 40'000, 1)), stream);
}

TEST_F(WireIndexTest, ClientsOfWhichNothingWaitsAreForgotten) {
  for (int i = 0; i < 60'000; ++i) {
    const ExchangePtr call = end(Role::kServer, static_cast<std::uint16_t>(i), 1);
    index_.meet(*call);
    index_.withdraw(*call);
  }
  EXPECT_LE(index_.clients(), 2048U);
}

// Against a plain map, through growth and every kind of removal.
TEST_F(WireIndexTest, AgreesWithAMapOverManyRequests) {
  std::mt19937 random(1);
  std::unordered_map<std::uint64_t, ExchangePtr> expected;
  for (int i = 0; i < 60'000; ++i) {
    const auto port = static_cast<std::uint16_t>(40'000 + random() % 32);
    const auto seq = static_cast<std::uint32_t>(random() % 400 * 45);
    const std::uint64_t key = std::uint64_t{port} << 32 | seq;
    const auto found = expected.find(key);
    if (random() % 4 == 0) {
      if (found == expected.end()) continue;
      index_.withdraw(*found->second);
      expected.erase(found);
    } else if (found != expected.end()) {
      const Role other = found->second->role == Role::kClient ? Role::kServer : Role::kClient;
      ASSERT_EQ(index_.meet(*end(other, port, seq)), found->second);
      expected.erase(found);
    } else {
      const ExchangePtr exchange = end(random() % 2 ? Role::kClient : Role::kServer, port, seq);
      ASSERT_FALSE(index_.meet(*exchange));
      expected.emplace(key, exchange);
    }
    ASSERT_EQ(index_.waiting(), expected.size());
  }
  EXPECT_GT(expected.size(), 2000U);
  for (const auto& [key, exchange] : expected) index_.withdraw(*exchange);
  EXPECT_EQ(index_.waiting(), 0U);
}

}  // namespace
}  // namespace kernspan
