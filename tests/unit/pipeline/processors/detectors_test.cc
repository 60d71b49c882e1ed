// The detectors against real servers: HTTPS with certificates made by openssl, HTTP on a Unix socket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "pipeline/processors/resource_detection/docker_detector.h"
#include "pipeline/processors/resource_detection/env_detector.h"
#include "pipeline/processors/resource_detection/k8s_api_detector.h"
#include "pipeline/processors/resource_detection/system_detector.h"
#include "tests/unit/pipeline/component_stage.h"

namespace kernspan {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

using Answer = std::function<http::response<http::string_body>(
    const http::request<http::string_body>& request)>;

template <typename Stream>
void serve(Stream& stream, const Answer& answer) {
  beast::flat_buffer buffer;
  http::request<http::string_body> request;
  boost::system::error_code error;
  http::read(stream, buffer, request, error);
  if (error) return;
  http::response<http::string_body> response = answer(request);
  response.keep_alive(false);
  response.prepare_payload();
  http::write(stream, response, error);
}

// An HTTP server on a Unix socket, one request at a time.
class UnixServer {
 public:
  UnixServer(const std::filesystem::path& path, Answer answer)
      : acceptor_(context_, asio::local::stream_protocol::endpoint(path.string())) {
    thread_ = std::thread([this, answer = std::move(answer)] {
      boost::system::error_code error;
      while (true) {
        asio::local::stream_protocol::socket socket(context_);
        acceptor_.accept(socket, error);
        if (error || stopping_) return;
        serve(socket, answer);
      }
    });
  }
  ~UnixServer() {
    stopping_ = true;
    asio::local::stream_protocol::socket wake(context_);
    wake.connect(acceptor_.local_endpoint());
    thread_.join();
  }

 private:
  asio::io_context context_;
  asio::local::stream_protocol::acceptor acceptor_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

// An HTTPS server on a free port.
class TlsServer {
 public:
  TlsServer(const std::filesystem::path& folder, Answer answer)
      : acceptor_(context_, {asio::ip::address_v4::loopback(), 0}) {
    tls_.use_certificate_chain_file((folder / "server.crt").string());
    tls_.use_private_key_file((folder / "server.key").string(), asio::ssl::context::pem);
    thread_ = std::thread([this, answer = std::move(answer)] {
      boost::system::error_code error;
      while (true) {
        beast::ssl_stream<asio::ip::tcp::socket> stream(context_, tls_);
        acceptor_.accept(stream.next_layer(), error);
        if (error || stopping_) return;
        stream.handshake(asio::ssl::stream_base::server, error);
        if (error) continue;
        serve(stream, answer);
        stream.shutdown(error);
      }
    });
  }
  ~TlsServer() {
    stopping_ = true;
    asio::ip::tcp::socket wake(context_);
    wake.connect(acceptor_.local_endpoint());
    thread_.join();
  }
  std::string port() { return std::to_string(acceptor_.local_endpoint().port()); }

 private:
  asio::io_context context_;
  asio::ssl::context tls_{asio::ssl::context::tls_server};
  asio::ip::tcp::acceptor acceptor_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

class DetectorsTest : public ::testing::Test {
 protected:
  DetectorsTest() {
    std::string pattern = ::testing::TempDir() + "detectXXXXXX";
    folder_ = mkdtemp(pattern.data());
    sources_.root = folder_;
    sources_.environment = [this](std::string_view name) -> std::optional<std::string> {
      const auto found = environment_.find(name);
      if (found == environment_.end()) return std::nullopt;
      return found->second;
    };
  }
  ~DetectorsTest() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
  }
  static Result<DetectedAttributes> detect(std::unique_ptr<Detector> detector) {
    return detector->detect(std::chrono::steady_clock::now() + kPatience);
  }
  Result<DetectedAttributes> env(const std::string& text) {
    environment_["OTEL_RESOURCE_ATTRIBUTES"] = text;
    return detect(make_env_detector(sources_));
  }
  Result<DetectedAttributes> docker() { return detect(make_docker_detector({}, sources_)); }
  Result<DetectedAttributes> k8s_api(K8sApiDetectorSettings settings = {}) {
    return detect(make_k8s_api_detector(std::move(settings), sources_));
  }

  // A certificate authority, and a certificate of its for 127.0.0.1, as a pod sees them.
  void make_pod(TlsServer* server) {
    environment_["K8S_NODE_NAME"] = "node-7.example";
    environment_["KUBERNETES_SERVICE_HOST"] = "127.0.0.1";
    environment_["KUBERNETES_SERVICE_PORT"] = server->port();
    write(kAccount + "token", "pod-token\n");
  }
  void make_certificates() {
    write(kAccount + "ca.crt", "");
    const std::string in_folder = "cd " + folder_.string() + " && openssl ";
    const std::string quiet = " 2>/dev/null";
    const std::string ca = kAccount + "ca.crt";
    ASSERT_EQ(std::system((in_folder +
                           "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
                           "-nodes -keyout ca.key -days 2 -subj /CN=ca -out " +
                           ca + quiet)
                              .c_str()),
              0);
    ASSERT_EQ(std::system((in_folder +
                           "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
                           "-keyout server.key -subj /CN=api -out server.csr" +
                           quiet)
                              .c_str()),
              0);
    write("extensions", "subjectAltName=IP:127.0.0.1\n");
    ASSERT_EQ(std::system((in_folder + "x509 -req -in server.csr -CA " + ca +
                           " -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out "
                           "server.crt" +
                           quiet)
                              .c_str()),
              0);
  }

  const std::string kAccount = "var/run/secrets/kubernetes.io/serviceaccount/";
  std::filesystem::path folder_;
  std::map<std::string, std::string, std::less<>> environment_;
  DetectionSources sources_;
};

http::response<http::string_body> answer(http::status status, std::string body) {
  return {status, 11, std::move(body)};
}

TEST_F(DetectorsTest, EnvReadsPairs) {
  EXPECT_THAT(env(" a=1 , service.name = my%20shop+x ,empty=").value(),
              ElementsAre(Pair("a", "1"), Pair("service.name", "my shop x"), Pair("empty", "")));
  EXPECT_THAT(env("").value(), IsEmpty());
  environment_["OTEL_RESOURCE"] = "old=1";
  EXPECT_THAT(env("").value(), ElementsAre(Pair("old", "1")));
}

TEST_F(DetectorsTest, EnvRefusesTheWholeWhenAPartIsWrong) {
  for (const char* wrong : {"a", "a=1,b", "=1", "a=%4", "a=%zz", "a=\xc3\xa4"}) {
    const Result<DetectedAttributes> found = env(wrong);
    ASSERT_FALSE(found) << wrong;
    EXPECT_EQ(found.error().kind, ErrorKind::kPermanent);
  }
  EXPECT_FALSE(env("a=" + std::string(257, 'x')));
  EXPECT_THAT(env("a=1,geheim").error().message,
              AllOf(HasSubstr("pair 2 is not key=value"), Not(HasSubstr("geheim"))));
}

TEST_F(DetectorsTest, SystemTellsTheRealMachine) {
  std::array<char, 256> host{};
  ASSERT_EQ(gethostname(host.data(), host.size() - 1), 0);
  SystemDetectorSettings settings;
  settings.hostname_sources = {"os"};
  EXPECT_THAT(detect(make_system_detector(settings, sources_)).value(),
              ElementsAre(Pair("host.name", host.data()), Pair("os.type", "linux")));
  // Whatever a name server says, there is a name in the end.
  EXPECT_EQ(detect(make_system_detector({}, sources_)).value().front().first, "host.name");
}

TEST_F(DetectorsTest, SystemTellsMoreWhenAsked) {
  write("etc/machine-id", "0123456789abcdef\n");
  SystemDetectorSettings settings;
  ConfigWarnings warnings;
  const ConfigNode node = ComponentStage::yaml(
      "{hostname_sources: [os], resource_attributes: {host.name: {enabled: false}, os.type: "
      "{enabled: false}, host.id: {enabled: true}, host.arch: {enabled: true}, host.cpu.family: "
      "{enabled: false}}}");
  ConfigReader reader(node, warnings);
  settings.read(reader);
  ASSERT_TRUE(reader.finish());
  utsname machine{};
  ASSERT_EQ(uname(&machine), 0);
  const std::string arch = std::string(machine.machine) == "x86_64" ? "amd64" : "arm64";
  EXPECT_THAT(detect(make_system_detector(settings, sources_)).value(),
              ElementsAre(Pair("host.arch", arch), Pair("host.id", "0123456789abcdef")));
  std::filesystem::remove(folder_ / "etc/machine-id");
  EXPECT_FALSE(detect(make_system_detector(settings, sources_)));
}

TEST_F(DetectorsTest, DockerAsksTheDaemon) {
  write("var/run/x", "");
  const UnixServer daemon(folder_ / "var/run/docker.sock", [](const auto& request) {
    if (request.target() != "/info") return answer(http::status::not_found, "");
    return answer(http::status::ok, R"({"ID":"X","Name":"box","OSType":"linux"})");
  });
  EXPECT_THAT(docker().value(), ElementsAre(Pair("host.name", "box"), Pair("os.type", "linux")));
}

TEST_F(DetectorsTest, DockerIsNotThereOrSomethingElse) {
  const Result<DetectedAttributes> absent = docker();
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().kind, ErrorKind::kPermanent);
  EXPECT_THAT(absent.error().message, HasSubstr("var/run/docker.sock: mount it, or remove"));
  environment_["DOCKER_HOST"] = "unix://" + (folder_ / "other.sock").string();
  const UnixServer other(folder_ / "other.sock",
                         [](const auto&) { return answer(http::status::ok, "[1, 2"); });
  EXPECT_THAT(docker().error().message, HasSubstr("is not Docker's"));
  environment_["DOCKER_HOST"] = "tcp://127.0.0.1:1";
  EXPECT_THAT(docker().error().message, HasSubstr("only unix:///path is supported"));
}

TEST_F(DetectorsTest, DockerAnswersTooMuch) {
  write("var/run/x", "");
  const UnixServer daemon(folder_ / "var/run/docker.sock", [](const auto&) {
    return answer(http::status::ok, std::string(5 << 20, ' '));
  });
  EXPECT_FALSE(docker());
}

TEST_F(DetectorsTest, K8sApiAsksTheApiServer) {
  make_certificates();
  TlsServer server(folder_, [](const auto& request) {
    if (request[http::field::authorization] != "Bearer pod-token") {
      return answer(http::status::unauthorized, "");
    }
    if (request.target() != "/api/v1/nodes/node-7.example") {
      return answer(http::status::not_found, "");
    }
    return answer(http::status::ok, R"({"kind":"Node","metadata":{"uid":"1-2-3"}})");
  });
  make_pod(&server);
  EXPECT_THAT(k8s_api().value(),
              ElementsAre(Pair("k8s.node.name", "node-7.example"), Pair("k8s.node.uid", "1-2-3")));
  // Without the right, or with another authority: the name alone.
  write(kAccount + "token", "wrong-token");
  EXPECT_THAT(k8s_api().value(), ElementsAre(Pair("k8s.node.name", "node-7.example")));
  write(kAccount + "token", "pod-token");
  std::filesystem::copy_file("/etc/ssl/certs/ca-certificates.crt", folder_ / (kAccount + "ca.crt"),
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(k8s_api().value(), ElementsAre(Pair("k8s.node.name", "node-7.example")));
  // Only the identifier is wanted: then its absence is an error, without the token in it.
  K8sApiDetectorSettings settings;
  settings.attributes = AttributeSwitches({{"k8s.node.name", false}, {"k8s.node.uid", true}});
  EXPECT_THAT(k8s_api(settings).error().message,
              AllOf(HasSubstr("certificate"), Not(HasSubstr("pod-token"))));
}

TEST_F(DetectorsTest, K8sApiServerThatIsBusyMayAnswerLater) {
  make_certificates();
  TlsServer server(folder_,
                   [](const auto&) { return answer(http::status::service_unavailable, ""); });
  make_pod(&server);
  EXPECT_EQ(k8s_api().error().kind, ErrorKind::kRetryable);
}

TEST_F(DetectorsTest, K8sApiOutsideOfAPod) {
  EXPECT_THAT(k8s_api().error().message, HasSubstr("K8S_NODE_NAME is not set; add to the pod's"));
  environment_["K8S_NODE_NAME"] = "../../secrets";
  EXPECT_THAT(k8s_api().error().message, HasSubstr("is not a node's name"));
  environment_["K8S_NODE_NAME"] = "node-1";
  EXPECT_THAT(k8s_api().value(), ElementsAre(Pair("k8s.node.name", "node-1")));
}

}  // namespace
}  // namespace kernspan
