// Both servers of OTLP with certificates that OpenSSL made, against clients that others wrote: curl
// and gRPC's own.
#include <gmock/gmock.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "pipeline/otlp/rpc_status.h"
#include "pipeline/receivers/otlp/otlp_http_receiver.h"
#include "pipeline/receivers/otlp/otlp_receiver.h"
#include "tests/unit/pipeline/certificates.h"
#include "tests/unit/pipeline/component_stage.h"
#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan {
namespace {

using ::testing::HasSubstr;

struct ClientFiles {
  std::string ca = "ca";
  std::string identity = "";  // of the client's own certificate; empty: none
};

class TlsTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    certificates_.issue("server");
    std::ofstream(certificates_.path("request")) << otlp::reference_bytes(1);
  }

  bool is_grpc() const { return GetParam() == "grpc"; }
  ServerTlsSettings pair() {
    return {.enabled = true,
            .cert_file = certificates_.path("server.pem"),
            .key_file = certificates_.path("server.key")};
  }
  ServerTlsSettings mutual() {
    ServerTlsSettings tls = pair();
    tls.client_ca_file = certificates_.path("ca.pem");
    return tls;
  }

  Status try_listen(const ServerTlsSettings& tls, const std::string& authenticator = "") {
    if (is_grpc()) {
      grpc_ = std::make_unique<OtlpReceiver>(
          stage_.context(),
          GrpcServerSettings{.endpoint = "127.0.0.1:0", .tls = tls, .authenticator = authenticator},
          consumer_);
      return grpc_->start();
    }
    OtlpHttpServerSettings settings;
    settings.server.endpoint = "127.0.0.1:0";
    settings.server.tls = tls;
    settings.server.authenticator = authenticator;
    http_ = std::make_unique<OtlpHttpReceiver>(stage_.context(), settings, consumer_);
    return http_->start();
  }
  void listen(const ServerTlsSettings& tls) {
    const Status started = try_listen(tls);
    ASSERT_TRUE(started) << started.error().message;
  }

  // Whether a client with these files gets a request through.
  bool sends(const ClientFiles& files = {}, const std::string& token = "") {
    return is_grpc() ? grpc_sends(files, token) : curl_sends(files, token);
  }
  // A rotation takes a moment to be seen.
  bool comes_to_send(const ClientFiles& files, bool expected) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (sends(files) != expected) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return true;
  }

  bool grpc_sends(const ClientFiles& files, const std::string& token) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = certificates_.text(files.ca + ".pem");
    if (!files.identity.empty()) {
      options.pem_private_key = certificates_.text(files.identity + ".key");
      options.pem_cert_chain = certificates_.text(files.identity + ".pem");
    }
    grpc::ChannelArguments arguments;  // its own: else channels to one target share a connection
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    grpc::GenericStub stub(grpc::CreateCustomChannel("localhost:" + std::to_string(grpc_->port()),
                                                     grpc::SslCredentials(options), arguments));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    if (!token.empty()) context.AddMetadata("authorization", token);
    const grpc::Slice slice(otlp::reference_bytes(1));
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    std::promise<grpc::Status> status;
    stub.UnaryCall(&context, otlp::export_method(otlp::Signal::kTraces), {}, &request, &response,
                   [&](grpc::Status result) { status.set_value(std::move(result)); });
    return status.get_future().get().ok();
  }

  bool curl_sends(const ClientFiles& files, const std::string& token) {
    std::string command = "curl -s -m 20 -o /dev/null -w '%{http_code}' --cacert " +
                          certificates_.path(files.ca + ".pem") + curl_options_;
    if (!files.identity.empty()) {
      command += " --cert " + certificates_.path(files.identity + ".pem") + " --key " +
                 certificates_.path(files.identity + ".key");
    }
    if (!token.empty()) command += " -H 'Authorization: " + token + "'";
    command += " -H 'Content-Type: application/x-protobuf' --data-binary @" +
               certificates_.path("request") +
               " https://localhost:" + std::to_string(http_->port()) + "/v1/traces";
    std::unique_ptr<FILE, int (*)(FILE*)> curl(popen(command.c_str(), "r"), pclose);
    std::array<char, 16> status{};
    return fgets(status.data(), status.size(), curl.get()) != nullptr &&
           std::string(status.data()) == "200";
  }

  Certificates certificates_;
  ComponentStage stage_{"otlp"};
  RememberingConsumer consumer_;
  std::string curl_options_;
  std::unique_ptr<OtlpReceiver> grpc_;
  std::unique_ptr<OtlpHttpReceiver> http_;
};

TEST_P(TlsTest, ServesOverTls) {
  listen(pair());
  EXPECT_TRUE(sends());
  EXPECT_FALSE(sends({.ca = "other-ca"}));
  EXPECT_EQ(consumer_.spans(), 1U);
}

TEST_P(TlsTest, CertificatesMayBeInTheSettings) {
  listen({.enabled = true,
          .cert_pem = certificates_.text("server.pem"),
          .key_pem = certificates_.text("server.key")});
  EXPECT_TRUE(sends());
}

TEST_P(TlsTest, AClientCaRequiresACertificateThatItSigned) {
  certificates_.issue("client");
  certificates_.issue("stranger", "other-ca");
  certificates_.issue("expired", "ca", -1);
  listen(mutual());
  EXPECT_TRUE(sends({.identity = "client"}));
  EXPECT_FALSE(sends());
  EXPECT_FALSE(sends({.identity = "stranger"}));
  EXPECT_FALSE(sends({.identity = "expired"}));
  EXPECT_EQ(consumer_.spans(), 1U);
}

TEST_P(TlsTest, CertificatesAreReplacedWhileItRuns) {
  ServerTlsSettings tls = pair();
  tls.reload_interval = std::chrono::milliseconds(10);
  listen(tls);
  EXPECT_TRUE(sends());
  certificates_.issue("new", "other-ca");
  certificates_.replace("server", "new");
  EXPECT_TRUE(comes_to_send({.ca = "other-ca"}, true));
  EXPECT_FALSE(sends());
}

TEST_P(TlsTest, ClientAuthoritiesAreReplacedWhileItRuns) {
  certificates_.issue("client");
  ServerTlsSettings tls = mutual();
  tls.client_ca_file = certificates_.path("clients.pem");
  std::filesystem::copy_file(certificates_.path("ca.pem"), tls.client_ca_file);
  tls.client_ca_file_reload = true;
  listen(tls);
  EXPECT_TRUE(sends({.identity = "client"}));
  certificates_.issue("newcomer", "other-ca");
  std::filesystem::rename(certificates_.path("other-ca.pem"), tls.client_ca_file);
  EXPECT_TRUE(comes_to_send({.identity = "newcomer"}, true));
  EXPECT_FALSE(sends({.identity = "client"}));
}

TEST_P(TlsTest, SaysWhichFileIsWrong) {
  const auto problem = [&](const ServerTlsSettings& tls) {
    const Status started = try_listen(tls);
    EXPECT_FALSE(started);
    return started ? "" : started.error().message;
  };
  ServerTlsSettings tls = pair();
  tls.cert_file = certificates_.path("nowhere.pem");
  EXPECT_THAT(problem(tls), HasSubstr("cannot open " + tls.cert_file));
  certificates_.issue("another");
  tls.cert_file = certificates_.path("another.pem");
  EXPECT_THAT(problem(tls), HasSubstr("server.key is not the key of the first certificate in"));
  tls = mutual();
  tls.client_ca_file = certificates_.path("server.key");
  EXPECT_THAT(problem(tls), HasSubstr("server.key holds no certificate"));
}

class Bearer final : public Extension, public ServerAuthenticator {
 public:
  Status start() override { return {}; }
  void stop(std::chrono::steady_clock::time_point) override {}
  Status authenticate(const RequestHeaders& headers) const override {
    return headers("authorization") == "Bearer good" ? Status() : permanent("no good token");
  }
};

TEST_P(TlsTest, AsksTheAuthenticator) {
  Bearer bearer;
  stage_.extensions.add("bearer", bearer);
  const Status started = try_listen(pair(), "bearer");
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_TRUE(sends({}, "Bearer good"));
  EXPECT_FALSE(sends({}, "Bearer bad"));
  EXPECT_FALSE(sends());
  EXPECT_EQ(stage_.metric(
                "kernspan_receiver_refused_requests",
                {{"receiver", "otlp"}, {"transport", GetParam()}, {"reason", "unauthenticated"}}),
            2);
  EXPECT_FALSE(try_listen(pair(), "nobody"));
  grpc_.reset();
  http_.reset();
}

INSTANTIATE_TEST_SUITE_P(Protocols, TlsTest, ::testing::Values("grpc", "http"),
                         [](const auto& chosen) { return chosen.param; });

class HttpTlsTest : public TlsTest {};
INSTANTIATE_TEST_SUITE_P(Http, HttpTlsTest, ::testing::Values("http"));

TEST_P(HttpTlsTest, VersionsCiphersAndCurvesAreThoseOfTheSettings) {
  ServerTlsSettings tls = pair();
  tls.min_version = ServerTlsVersion::k13;
  tls.cipher_suites = {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"};
  tls.curve_preferences = {"P256"};
  listen(tls);
  EXPECT_TRUE(sends());
  curl_options_ = " --tls-max 1.2";
  EXPECT_FALSE(sends());
  curl_options_ = " --curves X25519";
  EXPECT_FALSE(sends());
  tls.cipher_suites = {"TLS_NONSENSE"};
  EXPECT_THAT(try_listen(tls).error().message, HasSubstr("no cipher suite \"TLS_NONSENSE\""));
}

// New files that cannot be used leave the old ones in use.
TEST_P(HttpTlsTest, ABrokenRotationIsCountedAndWithoutEffect) {
  ServerTlsSettings tls = pair();
  tls.reload_interval = std::chrono::milliseconds(1);
  listen(tls);
  std::ofstream(tls.cert_file) << "no certificate";
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  EXPECT_TRUE(sends());
  EXPECT_GE(stage_.metric("kernspan_receiver_refused_requests",
                          {{"receiver", "otlp"}, {"transport", "http"}, {"reason", "tls_reload"}}),
            1);
}

}  // namespace
}  // namespace kernspan
