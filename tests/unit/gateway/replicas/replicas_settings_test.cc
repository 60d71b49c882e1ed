#include "gateway/replicas/replicas_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/pipeline/component_stage.h"

namespace kernspan::replicas {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

Result<ReplicasSettings> read(const std::string& text) {
  ConfigWarnings warnings;
  return read_replicas_settings(ComponentStage::yaml(text), "extensions::replicas", Extensions(),
                                warnings);
}

std::string error_of(const std::string& text) {
  const auto settings = read(text);
  return settings ? "" : settings.error().message;
}

const std::string kResolver = "resolver: {static: {hostnames: [\"10.0.0.1:4319\"]}}\n";

TEST(ReplicasSettings, HasDefaultsThatWorkInACluster) {
  const auto settings = read(kResolver + "address: 10.0.0.1");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->server.endpoint, "0.0.0.0:4319");
  EXPECT_EQ(settings->set.address, "10.0.0.1:4319");
  EXPECT_EQ(settings->set.settle_window, seconds(5));
  EXPECT_EQ(settings->set.queue.max_bytes, std::size_t{64} << 20);
  EXPECT_TRUE(settings->client.tls.plaintext());  // as the server is
  EXPECT_EQ(settings->client.compression, Compression::kNone);
}

TEST(ReplicasSettings, ReadsEverything) {
  const auto settings = read(kResolver +
                             "endpoint: 127.0.0.1:5000\n"
                             "hello_interval: 200ms\n"
                             "down_after: 2s\n"
                             "forget_after: 3s\n"
                             "settle_window: 4s\n"
                             "hand_off_timeout: 6s\n"
                             "queue_size: 8MiB\n"
                             "num_consumers: 7\n"
                             "max_hops: 2\n"
                             "peers: {compression: gzip}\n");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->set.address, "127.0.0.1:5000");  // the endpoint will do
  EXPECT_EQ(settings->set.hello_interval, milliseconds(200));
  EXPECT_EQ(settings->set.membership.down_after, seconds(2));
  EXPECT_EQ(settings->set.membership.forget_after, seconds(3));
  EXPECT_EQ(settings->set.settle_window, seconds(4));
  EXPECT_EQ(settings->set.call_timeout, seconds(6));
  EXPECT_EQ(settings->set.queue.max_bytes, std::size_t{8} << 20);
  EXPECT_EQ(settings->set.queue.max_in_flight, 7u);
  EXPECT_EQ(settings->set.max_hops, 2u);
  EXPECT_EQ(settings->client.compression, Compression::kGzip);
}

TEST(ReplicasSettings, SaysWhatIsMissingAndWhatToDo) {
  EXPECT_THAT(error_of(kResolver), HasSubstr("${env:POD_IP}"));
  EXPECT_THAT(error_of("address: 10.0.0.1"), HasSubstr("resolver"));
  EXPECT_THAT(error_of(kResolver + "address: a\nno_such_key: 1"), HasSubstr("no_such_key"));
  EXPECT_THAT(error_of(kResolver + "address: a\nmax_hops: 0"), HasSubstr("max_hops"));
}

TEST(ReplicasSettings, WithTlsPeersAreCalledOverTls) {
  const auto settings = read(kResolver + "address: a\ntls: {cert_file: c.pem, key_file: k.pem}\n");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_FALSE(settings->client.tls.plaintext());
}

TEST(ReplicasSettings, GivesAddressesThePortTheyLack) {
  EXPECT_EQ(with_port("10.0.0.1", "4319"), "10.0.0.1:4319");
  EXPECT_EQ(with_port("10.0.0.1:5", "4319"), "10.0.0.1:5");
  EXPECT_EQ(with_port("fd00::1", "4319"), "[fd00::1]:4319");
  EXPECT_EQ(with_port("[fd00::1]", "4319"), "[fd00::1]:4319");
  EXPECT_EQ(with_port("[fd00::1]:5", "4319"), "[fd00::1]:5");
  EXPECT_EQ(with_port("pod-0.gateway", "4319"), "pod-0.gateway:4319");
}

}  // namespace
}  // namespace kernspan::replicas
