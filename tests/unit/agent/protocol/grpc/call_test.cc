#include "agent/protocol/grpc/call.h"

#include <gtest/gtest.h>

#include <limits>

namespace kernspan::grpc {
namespace {

TEST(GrpcCallTest, ContentTypeTellsTheProtocol) {
  EXPECT_EQ(protocol_of("application/grpc"), Protocol::kGrpc);
  EXPECT_EQ(protocol_of("application/grpc+proto"), Protocol::kGrpc);
  EXPECT_EQ(protocol_of("Application/gRPC;charset=utf-8"), Protocol::kGrpc);
  EXPECT_EQ(protocol_of("application/grpc-web"), Protocol::kWeb);
  EXPECT_EQ(protocol_of("application/grpc-web+proto"), Protocol::kWeb);
  EXPECT_EQ(protocol_of("application/grpc-web-text+proto"), Protocol::kWebText);
  for (const char* other :
       {"", "application/grp", "application/grpcx", "application/grpc-websocket",
        "application/grpc-web-texts", "text/application/grpc", "application/json"}) {
    EXPECT_EQ(protocol_of(other), Protocol::kNone) << other;
  }
}

TEST(GrpcCallTest, PathIsServiceAndMethod) {
  const auto method = parse_path("/pkg.v1.Service/GetThing");
  ASSERT_TRUE(method);
  EXPECT_EQ(method->service, "pkg.v1.Service");
  EXPECT_EQ(method->method, "GetThing");
  for (const char* other : {"", "/", "//", "/a", "/a/", "//b", "a/b", "/a/b/c", "/a/b?c=1",
                            "/a b/c", "/a/b#c", "/a/%62", "*"}) {
    EXPECT_FALSE(parse_path(other)) << other;
  }
}

TEST(GrpcCallTest, TimeoutHasAUnitAndABound) {
  EXPECT_EQ(parse_timeout("1n"), 1u);
  EXPECT_EQ(parse_timeout("2u"), 2'000u);
  EXPECT_EQ(parse_timeout("1500m"), 1'500'000'000u);
  EXPECT_EQ(parse_timeout("0S"), 0u);
  EXPECT_EQ(parse_timeout("3M"), 180'000'000'000u);
  EXPECT_EQ(parse_timeout("1H"), 3'600'000'000'000u);
  EXPECT_EQ(parse_timeout("99999999H"), std::numeric_limits<std::uint64_t>::max());
  for (const char* other :
       {"", "S", "1", "1s", "-1S", "+1S", "1 S", "123456789m", "1.5S", "0x1S"}) {
    EXPECT_FALSE(parse_timeout(other)) << other;
  }
}

TEST(GrpcCallTest, StatusIsANumber) {
  EXPECT_EQ(parse_status("0"), 0);
  EXPECT_EQ(parse_status("16"), 16);
  EXPECT_EQ(parse_status("99"), 99);
  for (const char* other : {"", "-1", "OK", "1 ", "0000", "1.0"}) {
    EXPECT_FALSE(parse_status(other)) << other;
  }
}

}  // namespace
}  // namespace kernspan::grpc
