#include "pipeline/otlp/rpc_answer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace kernspan::otlp {
namespace {

TEST(RpcAnswer, EncodesAStatus) {
  EXPECT_EQ(encode_status(RpcCode::kInvalidArgument, "no"), "\x08\x03\x12\x02no");
  EXPECT_EQ(encode_status(RpcCode::kUnavailable, "a\xFF"),
            "\x08\x0E\x12\x02"
            "a?");
  const auto json = nlohmann::json::parse(encode_status_json(RpcCode::kUnavailable, "say \"no\""));
  EXPECT_EQ(json, (nlohmann::json{{"code", 14}, {"message", "say \"no\""}}));
}

TEST(RpcAnswer, CodesOfHttpStatusesAreTheCollectors) {
  EXPECT_EQ(rpc_code(400), RpcCode::kInvalidArgument);
  EXPECT_EQ(rpc_code(401), RpcCode::kUnauthenticated);
  EXPECT_EQ(rpc_code(404), RpcCode::kUnimplemented);
  EXPECT_EQ(rpc_code(429), RpcCode::kResourceExhausted);
  EXPECT_EQ(rpc_code(503), RpcCode::kUnavailable);
  EXPECT_EQ(rpc_code(418), RpcCode::kUnknown);
}

}  // namespace
}  // namespace kernspan::otlp
