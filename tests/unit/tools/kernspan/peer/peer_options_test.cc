#include "tools/kernspan/peer/peer_options.h"

#include <gtest/gtest.h>

namespace kernspan::tools {
namespace {

TEST(PeerOptions, ReadsPairs) {
  const auto pairs = read_pairs({"a=1", "b=x=y", "c=\"quoted\"", "d=", "e=\""}, "--header");
  EXPECT_EQ(pairs.at("a"), "1");
  EXPECT_EQ(pairs.at("b"), "x=y");
  EXPECT_EQ(pairs.at("c"), "quoted");
  EXPECT_EQ(pairs.at("d"), "");
  EXPECT_EQ(pairs.at("e"), "\"");
  EXPECT_THROW(read_pairs({"novalue"}, "--header"), CLI::ValidationError);
  EXPECT_THROW(read_pairs({"=x"}, "--header"), CLI::ValidationError);
}

TEST(PeerOptions, AHeadersValueIsNeverShown) {
  PeerOptions options;
  options.endpoint = "gateway:4317";
  options.headers = {"authorization=Bearer secret"};
  const ConfigNode settings = exporter_settings(options);
  const ConfigNode* value = settings.find("headers")->find("authorization");
  ASSERT_NE(value, nullptr);
  EXPECT_EQ(value->text(), "Bearer secret");
  EXPECT_EQ(value->shown().find("secret"), std::string::npos);
  EXPECT_EQ(value->describe().find("secret"), std::string::npos);
}

TEST(PeerOptions, OneAttemptAndNoQueue) {
  PeerOptions options;
  options.endpoint = "gateway:4317";
  options.insecure = true;
  const ConfigNode settings = exporter_settings(options);
  EXPECT_EQ(settings.find("tls")->find("insecure")->text(), "true");
  EXPECT_EQ(settings.find("tls")->find("ca_file"), nullptr);
  EXPECT_EQ(settings.find("sending_queue")->find("enabled")->text(), "false");
  EXPECT_EQ(settings.find("retry_on_failure")->find("enabled")->text(), "false");
}

}  // namespace
}  // namespace kernspan::tools
