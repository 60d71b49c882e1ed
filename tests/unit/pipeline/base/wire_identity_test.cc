#include "pipeline/base/wire_identity.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace kernspan {
namespace {

WireIdentity example() {
  return {.client_ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3},
          .client_port = 40000,
          .request_seq = 0x89abcdef};
}

// Agents of different versions must agree: a change of these numbers breaks that.
TEST(DerivedTraceId, IsTheSameInEveryRelease) {
  EXPECT_EQ(derived_trace_id(example()).hex(), "5ae97b208ec3caf95af7be8d205264cc");
  EXPECT_EQ(derived_trace_id({}).hex(), "984edbc93791de0b8ded052fca9a8c11");
}

TEST(DerivedTraceId, DependsOnEachByte) {
  std::set<std::string> ids{derived_trace_id(example()).hex()};
  for (std::size_t bit = 0; bit < 128; ++bit) {
    WireIdentity other = example();
    other.client_ip[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    ids.insert(derived_trace_id(other).hex());
  }
  for (unsigned bit = 0; bit < 16; ++bit) {
    WireIdentity other = example();
    other.client_port = static_cast<std::uint16_t>(other.client_port ^ 1U << bit);
    ids.insert(derived_trace_id(other).hex());
  }
  for (unsigned bit = 0; bit < 32; ++bit) {
    WireIdentity other = example();
    other.request_seq ^= 1U << bit;
    ids.insert(derived_trace_id(other).hex());
  }
  EXPECT_EQ(ids.size(), 1U + 128 + 16 + 32);
}

// Requests of one connection lie close to each other, and so do the ports of one client.
TEST(DerivedTraceId, NeighboursDiffer) {
  std::set<std::string> ids;
  for (std::uint16_t port = 0; port < 100; ++port) {
    for (std::uint32_t seq = 0; seq < 1000; ++seq) {
      ids.insert(derived_trace_id({.client_ip = example().client_ip,
                                   .client_port = port,
                                   .request_seq = 0xffffff00 + seq})
                     .hex());
    }
  }
  EXPECT_EQ(ids.size(), 100U * 1000);
}

}  // namespace
}  // namespace kernspan
