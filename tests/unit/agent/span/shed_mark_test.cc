// Which connections are kept, and what their spans say of it.
#include "agent/span/shed_mark.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <set>

#include "agent/probes/abi.h"

namespace kernspan {
namespace {

std::uint64_t randomness(std::uint32_t ip, std::uint16_t port) {
  const ks_u32 address[4] = {0, 0, 0xffff0000, ip};
  return ks_randomness(address, port);
}

bool is_kept(std::uint64_t randomness, std::uint32_t step) {
  return randomness >= ks_threshold(step);
}

TEST(Shed, KeepsItsShareOfPortsThatFollowEachOther) {
  constexpr std::uint32_t kLoopback = 0x0100007f;
  for (std::uint32_t step = 0; step <= 8; ++step) {
    // Kernels hand out even ports for connections.
    for (const std::uint32_t stride : {1u, 2u}) {
      int kept = 0, all = 0;
      for (std::uint32_t port = 1024; port <= 65535; port += stride) {
        ++all;
        kept += is_kept(randomness(kLoopback, static_cast<std::uint16_t>(port)), step) ? 1 : 0;
      }
      const double share = std::pow(0.5, step);
      const double deviation = std::sqrt(all * share * (1 - share));
      EXPECT_NEAR(kept, all * share, 5 * deviation) << "step " << step << ", stride " << stride;
    }
  }
}

TEST(Shed, KeepsItsShareOfAddressesThatFollowEachOther) {
  int kept = 0;
  constexpr int kAddresses = 65536;
  for (std::uint32_t host = 0; host < kAddresses; ++host) {
    const std::uint32_t ip = 10u | host << 16;  // 10.0.x.y
    kept += is_kept(randomness(ip, 40000), 4) ? 1 : 0;
  }
  EXPECT_NEAR(kept, kAddresses / 16.0, 5 * std::sqrt(kAddresses / 16.0));
}

TEST(Shed, WhatIsKeptAtOneStepIsKeptAtAllLowerOnes) {
  for (std::uint32_t port = 1; port <= 65535; ++port) {
    const std::uint64_t r = randomness(0x01020304, static_cast<std::uint16_t>(port));
    EXPECT_EQ(r >> 56, 0u);
    for (std::uint32_t step = 1; step <= KS_SHED_STEP_MAX; ++step)
      ASSERT_LE(is_kept(r, step), is_kept(r, step - 1));
    ASSERT_TRUE(is_kept(r, 0));
  }
}

class ShedMarkTest : public testing::Test {
 protected:
  ShedMarkTest() {
    exchange_.role = Role::kClient;
    exchange_.local = address(0x0100007f, 40001);
    exchange_.remote = address(0x0200007f, 80);
  }
  static SocketAddress address(std::uint32_t ip, std::uint16_t port) {
    SocketAddress made;
    const ks_u32 words[4] = {0, 0, 0xffff0000, ip};
    std::memcpy(made.ip.data(), words, sizeof words);
    made.port = port;
    return made;
  }
  std::string threshold(std::uint8_t step) {
    exchange_.shed_step = step;
    const std::string text = shed_trace_state(exchange_);
    return text.substr(0, text.find(';'));
  }

  Exchange exchange_;
};

TEST_F(ShedMarkTest, TheThresholdIsThatOfTheProbability) {
  EXPECT_EQ(threshold(0), "");
  EXPECT_EQ(threshold(1), "ot=th:8");
  EXPECT_EQ(threshold(2), "ot=th:c");
  EXPECT_EQ(threshold(3), "ot=th:e");
  EXPECT_EQ(threshold(4), "ot=th:f");
  EXPECT_EQ(threshold(5), "ot=th:f8");
  EXPECT_EQ(threshold(15), "ot=th:fffe");
  EXPECT_EQ(adjusted_count(exchange_), 32768);
}

TEST_F(ShedMarkTest, BothEndsHaveTheClientsRandomness) {
  exchange_.shed_step = 4;
  const std::string client = shed_trace_state(exchange_);
  exchange_.role = Role::kServer;
  std::swap(exchange_.local, exchange_.remote);
  EXPECT_EQ(shed_trace_state(exchange_), client);
  char digits[15];
  std::snprintf(digits, sizeof digits, "%014llx",
                static_cast<unsigned long long>(randomness(0x0100007f, 40001)));
  EXPECT_EQ(client, std::string("ot=th:f;rv:") + digits);
}

TEST_F(ShedMarkTest, OtherMembersStayAndThatOfAnSdkIsLeftAlone) {
  exchange_.shed_step = 1;
  exchange_.trace_state = "vendor=x,other=y";
  const std::string text = shed_trace_state(exchange_);
  EXPECT_TRUE(text.starts_with("ot=th:8;rv:"));
  EXPECT_TRUE(text.ends_with(",vendor=x,other=y"));
  for (const char* sampled : {"ot=th:c", "vendor=x,ot=rv:0123456789abcd"}) {
    exchange_.trace_state = sampled;
    EXPECT_EQ(shed_trace_state(exchange_), "");
  }
  exchange_.trace_state = "notot=1";
  EXPECT_NE(shed_trace_state(exchange_), "");
}

// Half of the traces, and of these those on an eighth of the connections.
TEST_F(ShedMarkTest, SamplingAndSheddingAreOneThreshold) {
  exchange_.shed_step = 3;
  exchange_.sampling_rejected = std::uint64_t{1} << 55;
  exchange_.trace_state = "ot=th:8";
  EXPECT_EQ(adjusted_count(exchange_), 16);
  EXPECT_EQ(shed_trace_state(exchange_), "ot=th:f");
  exchange_.trace_state = "ot=rv:ffffffffffffff;th:8,vendor=x";
  EXPECT_EQ(shed_trace_state(exchange_), "ot=th:f,vendor=x");
  exchange_.shed_step = 0;
  EXPECT_EQ(adjusted_count(exchange_), 2);
  EXPECT_EQ(shed_trace_state(exchange_), "");
}

}  // namespace
}  // namespace kernspan
