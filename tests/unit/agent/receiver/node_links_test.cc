// Two nodes with an agent each, told by one story: what each agent writes of the requests between them, and that
// the names agree by which a gateway joins the two.

#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <set>

#include "tests/unit/agent/receiver/frame_script.h"
#include "tests/unit/agent/receiver/tracer_fixture.h"

namespace kernspan {
namespace {

constexpr std::string_view kGet = "GET /cart HTTP/1.1\r\nHost: shop\r\n\r\n";
constexpr std::string_view kGetWithContext =
    "GET /cart HTTP/1.1\r\nHost: shop\r\n"
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n";
constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

constexpr std::string_view kDerived = kStitchDerivedKey;
constexpr std::string_view kPeer = kStitchPeerTraceIdKey;

SocketAddress ipv4(std::uint8_t last, std::uint16_t port) {
  return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, last}, port};
}

// An agent of its own, which knows of the processes of one node.
struct Node {
  explicit Node(TracerSettings settings, std::uint64_t seed) : next_id(seed) {
    process::ProcessTable::Settings table;
    table.proc_root = "/nonexistent-proc";
    processes = std::make_unique<process::ProcessTable>(table, process::HostInfo{},
                                                        [this] { return story->now_ns; });
    tracer = std::make_unique<Tracer>(
        std::move(settings), *processes, process::HostInfo{}, [this] { return ++next_id; },
        [](std::uint32_t, bool) {});
    story = std::make_unique<EventStory>(*tracer);
  }

  std::vector<SpanRecord> spans(std::uint64_t wait_ms = 5000) {
    story->pass_ms(wait_ms);
    otlp::RequestEncoder encoder;
    tracer->flush(story->now_ns, 0, encoder);
    std::string json;
    otlp::append_json(encoder.take(), json);
    if (json.empty()) return {};
    auto parsed = otlp::parse_json_spans(json);
    EXPECT_TRUE(parsed.has_value()) << parsed.error().message;
    return *parsed;
  }
  const LinkCounters& links() const { return tracer->linker().counters(); }

  std::uint64_t next_id;
  std::unique_ptr<process::ProcessTable> processes;
  std::unique_ptr<Tracer> tracer;
  std::unique_ptr<EventStory> story;
};

class NodeLinks : public testing::Test {
 protected:
  // A connection from the client's node to the server's; what the server's end calls the server.
  std::pair<StorySocket, StorySocket> connect(Node& client_node, const SocketAddress& client,
                                              const SocketAddress& server) {
    auto [near, far] = client_node.story->connect_pair();
    near.local = far.remote = client;
    near.remote = far.local = server;
    near.cookie = ++cookies_;
    far.cookie = ++cookies_;
    near.send_seq = far.recv_seq = near.first_send_seq = far.first_recv_seq = first_seq_;
    return {near, far};
  }

  static SpanRecord only(const std::vector<SpanRecord>& spans, int kind) {
    EXPECT_EQ(std::ranges::count(spans, kind, &SpanRecord::kind), 1) << "kind " << kind;
    const auto found = std::ranges::find(spans, kind, &SpanRecord::kind);
    return found == spans.end() ? SpanRecord{} : *found;
  }

  static constexpr int kServer = 2;
  static constexpr int kClient = 3;
  static constexpr StoryThread kCaller{.tgid = 900001, .tid = 900001};
  static constexpr StoryThread kWorker{.tgid = 900002, .tid = 900002};

  Node a_{{}, 1000};
  Node b_{{}, 2000};
  std::uint64_t cookies_ = 500;
  std::uint32_t first_seq_ = 0xfffffff0;  // wraps within the first request
};

TEST_F(NodeLinks, BothEndsNameTheSameTrace) {
  auto [client, server] = connect(a_, ipv4(1, 40001), ipv4(2, 80));
  std::set<std::string> names;
  for (int request = 0; request < 3; ++request) {
    a_.story->send(client, kCaller, kGet);
    b_.story->recv(server, kWorker, kGet);
    b_.story->send(server, kWorker, kOk);
    a_.story->recv(client, kCaller, kOk);
    const SpanRecord call = only(a_.spans(), kClient);
    const SpanRecord served = only(b_.spans(), kServer);
    EXPECT_EQ(call.attribute(kPeer), served.trace_id.hex());
    EXPECT_EQ(call.attribute(kDerived), "");
    EXPECT_NE(call.trace_id, served.trace_id);
    EXPECT_EQ(served.attribute(kDerived), "true");
    EXPECT_EQ(served.attribute(kPeer), "");
    EXPECT_FALSE(served.parent_span_id.is_valid());
    EXPECT_EQ(served.attribute(kLinkEvidenceKey), "");
    names.insert(served.trace_id.hex());
  }
  EXPECT_EQ(names.size(), 3u) << "each request of a connection has a name of its own";
  EXPECT_EQ(a_.links().calls_announced, 3u);
  EXPECT_EQ(a_.links().traces_derived, 0u);
  EXPECT_EQ(b_.links().traces_derived, 3u);
}

TEST_F(NodeLinks, DestinationNatChangesNothing) {
  auto [client, server] = connect(a_, ipv4(1, 40001), ipv4(200, 8080));
  server.local = ipv4(2, 80);  // the Service's address was another one
  a_.story->send(client, kCaller, kGet);
  b_.story->recv(server, kWorker, kGet);
  a_.story->recv(client, kCaller, kOk);
  b_.story->send(server, kWorker, kOk);
  EXPECT_EQ(only(a_.spans(), kClient).attribute(kPeer), only(b_.spans(), kServer).trace_id.hex());
}

TEST_F(NodeLinks, SourceNatMakesNamesThatNeverMeet) {
  auto [client, server] = connect(a_, ipv4(1, 40001), ipv4(2, 80));
  server.remote = ipv4(100, 61234);
  a_.story->send(client, kCaller, kGet);
  b_.story->recv(server, kWorker, kGet);
  a_.story->recv(client, kCaller, kOk);
  b_.story->send(server, kWorker, kOk);
  EXPECT_NE(only(a_.spans(), kClient).attribute(kPeer), only(b_.spans(), kServer).trace_id.hex());
}

TEST_F(NodeLinks, IPv6IsNamedLikeIPv4) {
  SocketAddress client_address{{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 40001};
  SocketAddress server_address{{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}, 80};
  auto [client, server] = connect(a_, client_address, server_address);
  a_.story->send(client, kCaller, kGet);
  b_.story->recv(server, kWorker, kGet);
  a_.story->recv(client, kCaller, kOk);
  b_.story->send(server, kWorker, kOk);
  EXPECT_EQ(only(a_.spans(), kClient).attribute(kPeer), only(b_.spans(), kServer).trace_id.hex());
}

TEST_F(NodeLinks, StreamsOfOneConnectionHaveNamesOfTheirOwn) {
  auto [client, server] = connect(a_, ipv4(1, 40001), ipv4(2, 80));
  FrameScript requests;
  FrameScript responses;
  requests.preface();
  responses.start();
  requests.headers(1, {{":method", "GET"}, {":path", "/a"}, {":scheme", "http"}}, true);
  requests.headers(3, {{":method", "GET"}, {":path", "/b"}, {":scheme", "http"}}, true);
  responses.headers(1, {{":status", "200"}}, true);
  responses.headers(3, {{":status", "200"}}, true);
  const auto [request_items, request_bytes] = requests.take();
  const auto [response_items, response_bytes] = responses.take();
  a_.story->send_http2(client, kCaller, request_items, request_bytes);
  b_.story->recv_http2(server, kWorker, request_items, request_bytes);
  b_.story->send_http2(server, kWorker, response_items, response_bytes);
  a_.story->recv_http2(client, kCaller, response_items, response_bytes);
  std::map<std::string, std::string> announced, served;
  for (const SpanRecord& span : a_.spans())
    announced[span.attribute("url.path")] = span.attribute(kPeer);
  for (const SpanRecord& span : b_.spans())
    served[span.attribute("url.path")] = span.trace_id.hex();
  EXPECT_EQ(served.size(), 2u);
  EXPECT_EQ(announced, served);
  EXPECT_NE(served["/a"], served["/b"]);
}

// nginx on a, shop on b, which calls another service of b and one of a.
TEST_F(NodeLinks, AllSpansBelowADerivedRootSayThatItIs) {
  auto [client, server] = connect(a_, ipv4(1, 40001), ipv4(2, 80));
  auto [local_client, local_server] = connect(b_, ipv4(2, 40002), ipv4(3, 81));
  auto [back_client, back_server] = connect(b_, ipv4(2, 40003), ipv4(1, 82));
  StoryThread middle = kWorker;
  const StoryThread neighbour{.tgid = 900003, .tid = 900003};
  const StoryThread far{.tgid = 900004, .tid = 900004};
  a_.story->send(client, kCaller, kGet);
  b_.story->recv(server, middle, kGet);
  b_.story->send(local_client, middle, kGet);
  b_.story->recv(local_server, neighbour, kGet);
  b_.story->send(local_server, neighbour, kOk);
  b_.story->recv(local_client, middle, kOk);
  b_.story->send(back_client, middle, kGet);
  a_.story->recv(back_server, far, kGet);
  a_.story->send(back_server, far, kOk);
  b_.story->recv(back_client, middle, kOk);
  b_.story->send(server, middle, kOk);
  a_.story->recv(client, kCaller, kOk);

  const std::vector<SpanRecord> on_a = a_.spans();
  const std::vector<SpanRecord> on_b = b_.spans();
  const SpanRecord first = only(on_a, kClient);
  ASSERT_EQ(on_b.size(), 4u);
  std::vector<std::string> announced;
  for (const SpanRecord& span : on_b) {
    EXPECT_EQ(span.trace_id.hex(), first.attribute(kPeer));
    EXPECT_EQ(span.attribute(kDerived), "true");
    if (!span.attribute(kPeer).empty()) announced.push_back(span.attribute(kPeer));
  }
  EXPECT_EQ(announced, std::vector{only(on_a, kServer).trace_id.hex()})
      << "the call that stayed on the node is not announced";
}

TEST_F(NodeLinks, InterimSpansAreOfTheSameTraceAndAnnounceNothing) {
  auto [client, server] = connect(a_, ipv4(1, 40001), ipv4(2, 80));
  FrameScript requests;
  FrameScript responses;
  requests.preface();
  responses.start();
  requests.headers(1, {{":method", "GET"}, {":path", "/watch"}, {":scheme", "http"}}, true);
  responses.headers(1, {{":status", "200"}});
  const auto [request_items, request_bytes] = requests.take();
  const auto [response_items, response_bytes] = responses.take();
  a_.story->send_http2(client, kCaller, request_items, request_bytes);
  b_.story->recv_http2(server, kWorker, request_items, request_bytes);
  b_.story->send_http2(server, kWorker, response_items, response_bytes);
  a_.story->recv_http2(client, kCaller, response_items, response_bytes);
  const std::vector<SpanRecord> of_call = a_.spans(61'000);
  const std::vector<SpanRecord> of_request = b_.spans(61'000);
  ASSERT_EQ(of_call.size(), 1u);
  ASSERT_EQ(of_request.size(), 1u);
  EXPECT_EQ(of_call[0].attribute(kPeer), "");
  EXPECT_EQ(of_call[0].attribute(kDerived), "");
  EXPECT_EQ(of_request[0].attribute(kDerived), "true");
  const auto [last_items, last_bytes] = responses.reset(1, 8).take();
  b_.story->send_http2(server, kWorker, last_items, last_bytes);
  a_.story->recv_http2(client, kCaller, last_items, last_bytes);
  const SpanRecord served = only(b_.spans(), kServer);
  EXPECT_EQ(served.trace_id, of_request[0].trace_id);
  EXPECT_EQ(only(a_.spans(), kClient).attribute(kPeer), served.trace_id.hex());
}

TEST_F(NodeLinks, RequestsWithAContextAreNeitherDerivedNorAnnounced) {
  auto [client, server] = connect(a_, ipv4(1, 40001), ipv4(2, 80));
  a_.story->send(client, kCaller, kGetWithContext);
  b_.story->recv(server, kWorker, kGetWithContext);
  a_.story->recv(client, kCaller, kOk);
  b_.story->send(server, kWorker, kOk);
  const SpanRecord call = only(a_.spans(), kClient);
  const SpanRecord served = only(b_.spans(), kServer);
  EXPECT_EQ(call.attribute(kPeer), "");
  EXPECT_EQ(served.attribute(kDerived), "");
  EXPECT_EQ(call.trace_id, served.trace_id);
}

TEST_F(NodeLinks, LoopbackAndOwnAddressesStayOnTheNode) {
  const SocketAddress v6{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 80};
  const SocketAddress v4{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 1, 2, 3}, 80};
  for (const SocketAddress& peer : {v6, v4, ipv4(1, 80)}) {
    SocketAddress own = peer;
    own.port = 40001;
    auto [client, unseen_server] = connect(a_, own, peer);
    auto [unseen_client, server] = connect(a_, own, peer);
    server.recv_seq += 1000;  // of another client, which is not traced
    a_.story->send(client, kCaller, kGet);
    a_.story->recv(client, kCaller, kOk);
    a_.story->recv(server, kWorker, kGet);
    a_.story->send(server, kWorker, kOk);
    for (const SpanRecord& span : a_.spans()) {
      EXPECT_EQ(span.attribute(kPeer), "");
      EXPECT_EQ(span.attribute(kDerived), "");
    }
  }
  EXPECT_EQ(a_.links().traces_derived + a_.links().calls_announced, 0u);
}

// A client gives up before the server has read the request: by then its span has been written.
TEST_F(NodeLinks, EndsOfOneNodeThatMissEachOtherCanStillBeJoined) {
  auto [client, server] = connect(a_, ipv4(1, 40001), ipv4(2, 80));
  a_.story->send(client, kCaller, kGet);
  a_.story->close(client, KS_CLOSE_FINAL, ECONNRESET);
  const SpanRecord call = only(a_.spans(), kClient);
  a_.story->recv(server, kWorker, kGet);
  a_.story->send(server, kWorker, kOk);
  const SpanRecord served = only(a_.spans(), kServer);
  EXPECT_EQ(call.attribute(kPeer), served.trace_id.hex());
  EXPECT_EQ(served.attribute(kDerived), "true");
}

TEST_F(NodeLinks, CanBeSwitchedOff) {
  TracerSettings settings;
  settings.links.across_nodes = false;
  Node alone{settings, 3000};
  auto [client, server] = connect(alone, ipv4(1, 40001), ipv4(2, 80));
  server.recv_seq += 1000;
  alone.story->send(client, kCaller, kGet);
  alone.story->recv(client, kCaller, kOk);
  alone.story->recv(server, kWorker, kGet);
  alone.story->send(server, kWorker, kOk);
  const std::vector<SpanRecord> spans = alone.spans();
  ASSERT_EQ(spans.size(), 2u);
  for (const SpanRecord& span : spans) {
    EXPECT_EQ(span.attribute(kPeer), "");
    EXPECT_EQ(span.attribute(kDerived), "");
    EXPECT_NE(span.trace_id, derived_trace_id({.client_ip = ipv4(1, 0).ip,
                                               .client_port = 40001,
                                               .request_seq = first_seq_ + 1000}));
  }
}

TEST(NetworkNamespaces, OnlyProcessesOfTheChosenOnesAreTraced) {
  namespace fs = std::filesystem;
  std::string pattern = (fs::temp_directory_path() / "netns-XXXXXX").string();
  ASSERT_NE(mkdtemp(pattern.data()), nullptr);
  const fs::path root = pattern;
  const auto process = [&](const char* tgid, const fs::path& name) {
    fs::create_directories(root / tgid / "ns");
    fs::create_symlink(name, root / tgid / "ns" / "net");
  };
  for (const char* name : {"node-a", "node-b"}) fs::create_directory(root / name);
  process("10", root / "node-a");
  process("11", root / "node-b");
  ProcessPolicy policy;
  policy.proc_root = root.string();
  EXPECT_TRUE(policy.traces(10, "nginx"));
  EXPECT_TRUE(policy.traces(12, "nginx")) << "none are asked for";
  policy.network_namespaces = {*process::network_namespace((root / "node-a").string())};
  EXPECT_TRUE(policy.traces(10, "nginx"));
  EXPECT_FALSE(policy.traces(11, "nginx"));
  EXPECT_FALSE(policy.traces(12, "nginx")) << "it is gone";
  EXPECT_FALSE(policy.traces(10, "kernspan-agent"));
  fs::remove_all(root);
  EXPECT_EQ(process::network_namespace((root / "node-a").string()).error(), ENOENT);
}

}  // namespace
}  // namespace kernspan
