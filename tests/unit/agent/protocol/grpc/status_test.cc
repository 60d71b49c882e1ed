#include "agent/protocol/grpc/status.h"

#include <gtest/gtest.h>

namespace kernspan::grpc {
namespace {

TEST(GrpcStatusTest, Names) {
  EXPECT_EQ(status_name(0), "OK");
  EXPECT_EQ(status_name(4), "DEADLINE_EXCEEDED");
  EXPECT_EQ(status_name(16), "UNAUTHENTICATED");
  EXPECT_EQ(status_name(17), "UNKNOWN");
  EXPECT_EQ(status_name(-1), "UNKNOWN");
}

TEST(GrpcStatusTest, ServersAreToBlameForSixOfThem) {
  int errors = 0;
  for (int status = 0; status <= 16; ++status) errors += is_server_error(status);
  EXPECT_EQ(errors, 6);
  for (const int status : {2, 4, 12, 13, 14, 15, 99})
    EXPECT_TRUE(is_server_error(status)) << status;
}

TEST(GrpcStatusTest, HttpStatusesAndResetsAreMappedAsTheSpecificationSays) {
  EXPECT_EQ(status_of_http(400), 13);
  EXPECT_EQ(status_of_http(401), 16);
  EXPECT_EQ(status_of_http(403), 7);
  EXPECT_EQ(status_of_http(404), 12);
  for (const int status : {429, 502, 503, 504}) EXPECT_EQ(status_of_http(status), 14) << status;
  for (const int status : {0, 200, 302, 418, 500}) EXPECT_EQ(status_of_http(status), 2) << status;
  EXPECT_EQ(status_of_reset(7), 14);
  EXPECT_EQ(status_of_reset(8), 1);
  EXPECT_EQ(status_of_reset(11), 8);
  EXPECT_EQ(status_of_reset(12), 7);
  for (const unsigned code : {0u, 1u, 2u, 3u, 6u, 9u, 10u, 13u, 4711u}) {
    EXPECT_EQ(status_of_reset(code), 13) << code;
  }
}

}  // namespace
}  // namespace kernspan::grpc
