#include "tests/e2e/capture/live_capture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>

namespace kernspan::probes {
namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Address loopback(Family family) {
  Address address;
  if (family == Family::kIpv4) {
    auto* in = reinterpret_cast<sockaddr_in*>(&address.storage);
    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.length = sizeof *in;
  } else {
    auto* in6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
    in6->sin6_family = AF_INET6;
    inet_pton(AF_INET6, family == Family::kIpv6 ? "::1" : "::ffff:127.0.0.1", &in6->sin6_addr);
    address.length = sizeof *in6;
  }
  return address;
}

}  // namespace

std::string family_name(Family family) {
  switch (family) {
    case Family::kIpv4:
      return "ipv4";
    case Family::kIpv6:
      return "ipv6";
    case Family::kMapped:
      return "mapped";
  }
  return "";
}

Connection Connection::open(Family family) {
  Address address = loopback(family);
  const int domain = address.storage.ss_family;
  Fd listener(socket(domain, SOCK_STREAM, 0));
  if (bind(listener, address.get(), address.length) != 0 || listen(listener, 1) != 0) {
    std::perror("listen");
    std::abort();
  }
  getsockname(listener, address.get(), &address.length);
  Connection connection;
  connection.client = Fd(socket(domain, SOCK_STREAM, 0));
  if (connect(connection.client, address.get(), address.length) != 0) {
    std::perror("connect");
    std::abort();
  }
  connection.server = Fd(accept(listener, nullptr, nullptr));
  const int on = 1;
  for (const int socket : {int{connection.client}, int{connection.server}}) {
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  return connection;
}

std::uint64_t cookie_of(int socket) {
  std::uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &length);
  return cookie;
}

struct CaptureTest::Store final : RecordSink {
  void on_record(std::string_view record) override {
    auto& words = records.emplace_back((record.size() + 7) / 8);
    std::memcpy(words.data(), record.data(), record.size());
    sizes.push_back(record.size());
    EXPECT_TRUE(decode_event(view(records.size() - 1)).has_value());
  }

  std::string_view view(std::size_t i) const {
    return {reinterpret_cast<const char*>(records[i].data()), sizes[i]};
  }

  std::deque<std::vector<std::uint64_t>> records;
  std::deque<std::size_t> sizes;
};

std::unique_ptr<Capture> CaptureTest::capture_;
std::string CaptureTest::why_not_;
std::unique_ptr<CaptureTest::Store> CaptureTest::store_;

void CaptureTest::SetUpTestSuite() {
  store_ = std::make_unique<Store>();
  if (geteuid() != 0) {
    why_not_ = "needs root, to load BPF programs";
    return;
  }
  CaptureSettings settings;
  settings.agent_tgid = 0;
  // The kernel matrix runs these tests with each variant.
  if (const char* variant = std::getenv("KERNSPAN_CAPTURE_VARIANT")) settings.variant = variant;
  auto created = Capture::create(settings);
  ASSERT_TRUE(created.has_value()) << created.error().message;
  capture_ = std::move(*created);
}

void CaptureTest::TearDownTestSuite() {
  capture_.reset();
  store_.reset();
}

void CaptureTest::SetUp() {
  if (!why_not_.empty()) GTEST_SKIP() << why_not_;
  ASSERT_NE(capture_, nullptr);
  read_ring();
  store_->records.clear();
  store_->sizes.clear();
}

void CaptureTest::say(int from, std::string_view text) {
  ASSERT_EQ(write(from, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

std::string CaptureTest::hear(int at, std::size_t bytes) {
  std::string text(bytes, '\0');
  const ssize_t got = recv(at, text.data(), bytes, MSG_WAITALL);
  text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return text;
}

void CaptureTest::pass(int from, int to, std::string_view text) {
  say(from, text);
  ASSERT_EQ(hear(to, text.size()), text);
}

void CaptureTest::read_ring() {
  capture_->drain(*store_);
}

std::vector<Event> CaptureTest::events() {
  read_ring();
  std::vector<Event> events;
  for (std::size_t i = 0; i < store_->records.size(); ++i) {
    if (const auto event = decode_event(store_->view(i))) events.push_back(*event);
  }
  return events;
}

std::vector<Transfer> CaptureTest::transfers(int socket, ks_direction direction) {
  const std::uint64_t cookie = cookie_of(socket);
  std::vector<Transfer> found;
  for (const Event& event : events()) {
    const auto* view = std::get_if<TransferView>(&event);
    if (view == nullptr || view->event->socket_cookie != cookie) continue;
    if (view->event->direction != direction) continue;
    found.push_back({*view->event, std::string(view->bytes), std::string(view->tail)});
  }
  return found;
}

std::string CaptureTest::captured(int socket, ks_direction direction) {
  std::string bytes;
  for (const Transfer& transfer : transfers(socket, direction)) bytes += transfer.bytes;
  return bytes;
}

std::vector<ks_close_event> CaptureTest::closes(std::uint64_t cookie) {
  std::vector<ks_close_event> found;
  for (const Event& event : events()) {
    const auto* view = std::get_if<CloseView>(&event);
    if (view != nullptr && view->event->socket_cookie == cookie) found.push_back(*view->event);
  }
  return found;
}

std::vector<ks_connect_event> CaptureTest::connects(std::uint64_t cookie) {
  std::vector<ks_connect_event> found;
  for (const Event& event : events()) {
    const auto* view = std::get_if<ConnectView>(&event);
    if (view != nullptr && view->event->socket_cookie == cookie) found.push_back(*view->event);
  }
  return found;
}

bool CaptureTest::eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    usleep(1000);
  }
  return true;
}

bool CaptureTest::is_anywhere(std::string_view text) {
  read_ring();
  for (std::size_t i = 0; i < store_->records.size(); ++i) {
    if (store_->view(i).find(text) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace kernspan::probes
