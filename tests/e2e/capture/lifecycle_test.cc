// Connections and processes: how they begin and end, and which of them are left alone.
#include <netinet/in.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "tests/e2e/capture/live_capture.h"

namespace kernspan::probes {
namespace {

const std::string kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const std::string kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const std::string kAnswerHead = kAnswer.substr(0, kAnswer.size() - 2);

class LifecycleTest : public CaptureTest {
 protected:
  static std::unique_ptr<Capture> second_capture(std::uint32_t agent_tgid = 0) {
    CaptureSettings settings;
    settings.agent_tgid = agent_tgid;
    if (const char* variant = std::getenv("KERNSPAN_CAPTURE_VARIANT")) settings.variant = variant;
    auto created = Capture::create(settings);
    EXPECT_TRUE(created.has_value()) << created.error().message;
    return std::move(*created);
  }

  // Records of another capture about a socket.
  struct Listener final : RecordSink {
    explicit Listener(int socket) : cookie(cookie_of(socket)) {}
    void on_record(std::string_view record) override {
      const auto event = decode_event(record);
      const auto* view = event ? std::get_if<TransferView>(&*event) : nullptr;
      if (view == nullptr || view->event->socket_cookie != cookie) return;
      bytes += view->bytes;
      flags |= view->event->flags;
      ++records;
    }
    std::uint64_t cookie;
    std::string bytes;
    unsigned flags = 0;
    int records = 0;
  };
};

TEST_F(LifecycleTest, ConnectsNameTheirThread) {
  pid_t thread = 0;
  std::uint64_t cookie = 0;
  std::thread([&] {
    thread = gettid();
    const Connection connection = Connection::open();
    cookie = cookie_of(connection.client);
  }).join();
  const auto seen = connects(cookie);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].tid, static_cast<std::uint32_t>(thread));
  EXPECT_EQ(seen[0].tgid, static_cast<std::uint32_t>(getpid()));
}

TEST_F(LifecycleTest, OrderlyCloses) {
  Connection connection = Connection::open();
  pass(connection.client, connection.server, kGet);
  pass(connection.server, connection.client, kAnswer);
  const std::uint64_t client = cookie_of(connection.client), server = cookie_of(connection.server);
  shutdown(connection.client, SHUT_WR);
  EXPECT_EQ(hear(connection.server, 1), "");
  const auto received = transfers(connection.server, KS_RECV);
  ASSERT_EQ(received.size(), 2u);
  EXPECT_TRUE(received[1].has(KS_EOF));
  EXPECT_EQ(received[1].event.tcp_seq, received[0].event.tcp_seq + kGet.size());
  EXPECT_EQ(hear(connection.server, 1), "");
  EXPECT_EQ(transfers(connection.server, KS_RECV).size(), 2u) << "an end of file is reported once";
  connection.server.close();
  connection.client.close();
  ASSERT_TRUE(eventually([&] { return closes(client).size() == 2 && closes(server).size() == 2; }));
  for (const std::uint64_t cookie : {client, server}) {
    EXPECT_EQ(closes(cookie)[0].stage, static_cast<unsigned>(KS_CLOSE_WRITE));
    EXPECT_EQ(closes(cookie)[1].stage, static_cast<unsigned>(KS_CLOSE_FINAL));
    EXPECT_EQ(closes(cookie)[1].error, 0);
  }
}

TEST_F(LifecycleTest, ResetsSayTheirError) {
  Connection connection = Connection::open();
  pass(connection.client, connection.server, kGet);
  const std::uint64_t server = cookie_of(connection.server);
  const linger reset{.l_onoff = 1, .l_linger = 0};
  setsockopt(connection.client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  connection.client.close();
  ASSERT_TRUE(eventually([&] { return !closes(server).empty(); }));
  EXPECT_EQ(closes(server)[0].stage, static_cast<unsigned>(KS_CLOSE_FINAL));
  EXPECT_EQ(closes(server)[0].error, ECONNRESET);
}

TEST_F(LifecycleTest, UninterestingSocketsCloseSilently) {
  Connection connection = Connection::open();
  pass(connection.client, connection.server, "\x16\x03\x01 not for us");
  const std::uint64_t client = cookie_of(connection.client);
  connection.server.close();
  connection.client.close();
  EXPECT_TRUE(closes(client).empty());
}

// The read that meets the peer's FIN counts it in copied_seq: the identity must hold all the same.
TEST_F(LifecycleTest, SequenceNumbersAgreeWhenTheReadConsumedTheFin) {
  for (const bool half_close : {false, true}) {
    Connection connection = Connection::open();
    if (half_close) {
      say(connection.client, kGet);
      shutdown(connection.client, SHUT_WR);
      char buffer[512];
      ASSERT_EQ(recv(connection.server, buffer, sizeof buffer, 0),
                static_cast<ssize_t>(kGet.size()));
      const auto sent = transfers(connection.client, KS_SEND);
      const auto received = transfers(connection.server, KS_RECV);
      ASSERT_EQ(received.size(), 1u);
      EXPECT_EQ(received[0].event.tcp_seq, sent[0].event.tcp_seq);
    } else {
      pass(connection.client, connection.server, kGet);
      say(connection.server, kAnswer);
      const auto sent = transfers(connection.server, KS_SEND);
      connection.server.close();
      char buffer[512];
      ASSERT_EQ(recv(connection.client, buffer, sizeof buffer, 0),
                static_cast<ssize_t>(kAnswer.size()));
      const auto received = transfers(connection.client, KS_RECV);
      ASSERT_EQ(received.size(), 1u);
      EXPECT_EQ(received[0].event.tcp_seq, sent[0].event.tcp_seq);
    }
  }
}

// shutdown(SHUT_RD) looks like a FIN, but nothing was counted.
TEST_F(LifecycleTest, ALocalShutdownIsNoFin) {
  Connection connection = Connection::open();
  say(connection.client, kGet);
  shutdown(connection.server, SHUT_RD);
  ASSERT_EQ(hear(connection.server, kGet.size()), kGet);
  EXPECT_EQ(transfers(connection.server, KS_RECV).front().event.tcp_seq,
            transfers(connection.client, KS_SEND).front().event.tcp_seq);
}

TEST_F(LifecycleTest, ConnectionsOlderThanTheCaptureArePickedUp) {
  Connection connection = Connection::open();
  pass(connection.client, connection.server, kGet);
  pass(connection.server, connection.client, kAnswer.substr(0, kAnswer.size() - 1));

  const auto late = second_capture();
  pass(connection.server, connection.client, "k");
  for (int i = 0; i < 3; ++i) pass(connection.client, connection.server, kGet);
  pass(connection.server, connection.client, kAnswer);
  Listener server(connection.server);
  late->drain(server);
  EXPECT_EQ(server.bytes, kGet + kGet + kGet + kAnswerHead);
  EXPECT_TRUE(server.flags & KS_MIDSTREAM);
}

TEST_F(LifecycleTest, NewConnectionsAreFollowedFromTheirFirstByte) {
  Connection connection = Connection::open();
  pass(connection.client, connection.server, kGet);
  pass(connection.server, connection.client, kAnswer);
  for (const int socket : {int{connection.client}, int{connection.server}}) {
    EXPECT_FALSE(transfers(socket, KS_SEND).at(0).has(KS_MIDSTREAM));
    EXPECT_FALSE(transfers(socket, KS_RECV).at(0).has(KS_MIDSTREAM));
  }
  // A server that speaks first: nothing was received yet.
  const auto late = second_capture();
  Connection other = Connection::open();
  pass(other.server, other.client, kAnswer);
  Listener server(other.server);
  late->drain(server);
  EXPECT_EQ(server.flags & KS_MIDSTREAM, 0u);
}

TEST_F(LifecycleTest, AnOldSocketOfAnotherProtocolIsGivenUpInTheEnd) {
  Connection connection = Connection::open();
  pass(connection.client, connection.server, "\x01 binary");
  const auto late = second_capture();
  for (int i = 0; i < 40; ++i) pass(connection.client, connection.server, "\x01 binary");
  EXPECT_GE(late->counters()[KS_COUNT_GIVEN_UP], 2u);
  pass(connection.client, connection.server, kGet);
  Listener server(connection.server);
  late->drain(server);
  EXPECT_EQ(server.records, 0);
}

TEST_F(LifecycleTest, IgnoredProcessesAreLeftAlone) {
  const auto mine = second_capture();
  const auto tgid = static_cast<std::uint32_t>(getpid());
  mine->ignore_process(tgid);
  Connection ignored = Connection::open();
  pass(ignored.client, ignored.server, kGet);
  mine->forget_process(tgid);
  Connection traced = Connection::open();
  pass(traced.client, traced.server, kGet);
  Listener of_ignored(ignored.server);
  mine->drain(of_ignored);
  EXPECT_EQ(of_ignored.records, 0);
  EXPECT_EQ(mine->counters()[KS_COUNT_IGNORED], 2u);
  EXPECT_EQ(captured(traced.server, KS_RECV), kGet);
}

TEST_F(LifecycleTest, ProcessesThatCannotBeIgnoredAreCounted) {
  const auto mine = second_capture();
  constexpr std::uint32_t kRoom = 16384;
  for (std::uint32_t tgid = 1; tgid <= kRoom + 3; ++tgid) mine->ignore_process(tgid);
  EXPECT_EQ(mine->counters()[KS_COUNT_POLICY_FULL], 3u);
}

TEST_F(LifecycleTest, TheAgentDoesNotTraceItself) {
  const auto own = second_capture(CaptureSettings::own_tgid());
  Connection connection = Connection::open();
  pass(connection.client, connection.server, kGet);
  Listener listener(connection.client);
  own->drain(listener);
  EXPECT_EQ(listener.records, 0);
}

TEST_F(LifecycleTest, ProcessesAreSeenFromForkToExit) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // What it prints is of no interest.
    ::close(STDOUT_FILENO);
    execl("/proc/self/exe", "first argument", "--gtest_list_tests", nullptr);
    _exit(127);
  }
  // Threads are no processes.
  std::thread([] {}).join();
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);

  const auto tgid = static_cast<std::uint32_t>(child);
  int forks = 0, execs = 0, exits = 0;
  for (const Event& event : events()) {
    if (const auto* forked = std::get_if<ForkView>(&event)) {
      if (forked->event->parent_tgid == static_cast<std::uint32_t>(getpid())) {
        EXPECT_EQ(forked->event->tgid, tgid);
        ++forks;
      }
    } else if (const auto* started = std::get_if<ExecView>(&event)) {
      if (started->event->tgid != tgid) continue;
      EXPECT_EQ(started->event->parent_tgid, static_cast<std::uint32_t>(getpid()));
      EXPECT_EQ(started->comm, "exe");
      const std::string_view args("first argument\0--gtest_list_tests\0", 34);
      EXPECT_EQ(started->args, args);
      ++execs;
    } else if (const auto* ended = std::get_if<ExitView>(&event)) {
      exits += ended->event->tgid == tgid;
    }
  }
  EXPECT_EQ(forks, 1);
  EXPECT_EQ(execs, 1);
  EXPECT_EQ(exits, 1);
}

}  // namespace
}  // namespace kernspan::probes
