// Every system call that moves bytes over a socket, on every address family: the head arrives whole
// and exact at both ends, with one wire identity; the body does not arrive.
#include <arpa/inet.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ostream>
#include <tuple>

#include "tests/e2e/capture/live_capture.h"

namespace kernspan::probes {
namespace {

using SendCall = ssize_t (*)(int socket, std::string_view text);
using RecvCall = ssize_t (*)(int socket, char* buffer, std::size_t size);

// The text in three segments, the middle one empty, none ending where a line does.
struct Segments {
  explicit Segments(std::string_view text)
      : Segments(const_cast<char*>(text.data()), text.size()) {}
  Segments(char* buffer, std::size_t size) {
    const std::size_t first = size / 3;
    iov[0] = {buffer, first};
    iov[1] = {buffer + first, 0};
    iov[2] = {buffer + first, size - first};
    message.msg_iov = iov;
    message.msg_iovlen = 3;
  }
  msghdr* get() { return &message; }

  iovec iov[3];
  msghdr message{};
};

struct NamedSend {
  const char* name;
  SendCall call;
};
struct NamedRecv {
  const char* name;
  RecvCall call;
};

void PrintTo(const NamedSend& row, std::ostream* out) {
  *out << row.name;
}
void PrintTo(const NamedRecv& row, std::ostream* out) {
  *out << row.name;
}

const NamedSend kSends[] = {
    {"write", [](int s, std::string_view t) { return write(s, t.data(), t.size()); }},
    {"writev", [](int s, std::string_view t) { return writev(s, Segments(t).iov, 3); }},
    {"send", [](int s, std::string_view t) { return send(s, t.data(), t.size(), 0); }},
    {"sendto",
     [](int s, std::string_view t) { return sendto(s, t.data(), t.size(), 0, nullptr, 0); }},
    {"sendmsg", [](int s, std::string_view t) { return sendmsg(s, Segments(t).get(), 0); }},
    {"sendmmsg",
     [](int s, std::string_view t) -> ssize_t {
       Segments segments(t);
       mmsghdr message{segments.message, 0};
       return sendmmsg(s, &message, 1, 0) == 1 ? message.msg_len : -1;
     }},
    {"pwritev2", [](int s, std::string_view t) { return pwritev2(s, Segments(t).iov, 3, -1, 0); }},
};

const NamedRecv kRecvs[] = {
    {"read", [](int s, char* b, std::size_t n) { return read(s, b, n); }},
    {"readv", [](int s, char* b, std::size_t n) { return readv(s, Segments(b, n).iov, 3); }},
    {"recv", [](int s, char* b, std::size_t n) { return recv(s, b, n, 0); }},
    {"recvfrom",
     [](int s, char* b, std::size_t n) { return recvfrom(s, b, n, 0, nullptr, nullptr); }},
    {"recvmsg", [](int s, char* b, std::size_t n) { return recvmsg(s, Segments(b, n).get(), 0); }},
    {"recvmmsg",
     [](int s, char* b, std::size_t n) -> ssize_t {
       Segments segments(b, n);
       mmsghdr message{segments.message, 0};
       return recvmmsg(s, &message, 1, 0, nullptr) == 1 ? message.msg_len : -1;
     }},
    {"preadv2",
     [](int s, char* b, std::size_t n) { return preadv2(s, Segments(b, n).iov, 3, -1, 0); }},
};

constexpr std::string_view kBody = "body-token-0123456789-body-token";
const std::string kRequestHead =
    "POST /cart?item=7 HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 32\r\nX-Long: " +
    std::string(300, 'x') + "\r\n\r\n";
const std::string kResponseHead =
    "HTTP/1.1 201 Created\r\nServer: test\r\nContent-Length: 32\r\n\r\n";

class SyscallTest : public CaptureTest,
                    public testing::WithParamInterface<std::tuple<Family, NamedSend, NamedRecv>> {
 protected:
  void move(int from, int to, const std::string& text) {
    const auto& [family, send_call, recv_call] = GetParam();
    ASSERT_EQ(send_call.call(from, text), static_cast<ssize_t>(text.size()))
        << std::strerror(errno);
    std::string heard(text.size() + 64, '\0');
    ASSERT_EQ(recv_call.call(to, heard.data(), heard.size()), static_cast<ssize_t>(text.size()));
    heard.resize(text.size());
    ASSERT_EQ(heard, text);
  }

  void expect_head(const std::vector<Transfer>& seen, const std::string& head, std::size_t bytes) {
    ASSERT_EQ(seen.size(), 1u);
    EXPECT_EQ(seen[0].bytes, head);
    EXPECT_EQ(seen[0].event.transfer_bytes, bytes);
    EXPECT_EQ(seen[0].event.piece_offset, 0u);
    EXPECT_EQ(seen[0].event.flags, KS_HEAD_START | KS_HEAD_END | KS_STREAM_START);
    EXPECT_EQ(seen[0].event.tgid, static_cast<std::uint32_t>(getpid()));
    EXPECT_EQ(seen[0].event.tid, static_cast<std::uint32_t>(gettid()));
  }
};

std::string address_text(const ks_u8 (&address)[16]) {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(AF_INET6, address, text, sizeof text);
}

TEST_P(SyscallTest, HeadsAreExactAtBothEnds) {
  const Family family = std::get<Family>(GetParam());
  Connection connection = Connection::open(family);
  const std::string request = kRequestHead + std::string(kBody);
  const std::string response = kResponseHead + std::string(kBody);
  move(connection.client, connection.server, request);
  move(connection.server, connection.client, response);

  const auto request_sent = transfers(connection.client, KS_SEND);
  const auto request_received = transfers(connection.server, KS_RECV);
  const auto response_sent = transfers(connection.server, KS_SEND);
  const auto response_received = transfers(connection.client, KS_RECV);
  expect_head(request_sent, kRequestHead, request.size());
  expect_head(request_received, kRequestHead, request.size());
  expect_head(response_sent, kResponseHead, response.size());
  expect_head(response_received, kResponseHead, response.size());
  if (HasFailure()) return;

  EXPECT_EQ(request_sent[0].event.tcp_seq, request_received[0].event.tcp_seq);
  EXPECT_EQ(response_sent[0].event.tcp_seq, response_received[0].event.tcp_seq);
  const ks_transfer_event& client = request_sent[0].event;
  const ks_transfer_event& server = request_received[0].event;
  const char* expected = family == Family::kIpv6 ? "::1" : "::ffff:127.0.0.1";
  EXPECT_EQ(address_text(client.local_address), expected);
  EXPECT_EQ(address_text(client.remote_address), expected);
  EXPECT_EQ(address_text(server.local_address), expected);
  EXPECT_EQ(client.local_port, server.remote_port);
  EXPECT_EQ(client.remote_port, server.local_port);
  EXPECT_FALSE(is_anywhere("body-token"));
}

INSTANTIATE_TEST_SUITE_P(Calls, SyscallTest,
                         testing::Combine(testing::Values(Family::kIpv4, Family::kIpv6,
                                                          Family::kMapped),
                                          testing::ValuesIn(kSends), testing::ValuesIn(kRecvs)),
                         [](const auto& row) {
                           return family_name(std::get<0>(row.param)) + "_" +
                                  std::get<1>(row.param).name + "_" + std::get<2>(row.param).name;
                         });

class OtherCallsTest : public CaptureTest {};

TEST_F(OtherCallsTest, SendfileMovesBodiesUnseen) {
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  std::string content;
  while (content.size() < 40000) content += kBody;
  std::fwrite(content.data(), 1, content.size(), file);
  std::fflush(file);

  Connection connection = Connection::open();
  pass(connection.client, connection.server, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string head =
      "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(content.size()) + "\r\n\r\n";
  pass(connection.server, connection.client, head);
  off_t offset = 0;
  ASSERT_EQ(sendfile(connection.server, fileno(file), &offset, content.size()),
            static_cast<ssize_t>(content.size()));
  std::fclose(file);
  EXPECT_EQ(hear(connection.client, content.size()), content);
  pass(connection.client, connection.server, "GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
  pass(connection.server, connection.client, "HTTP/1.1 204 No Content\r\n\r\n");

  const auto sent = transfers(connection.server, KS_SEND);
  ASSERT_GE(sent.size(), 3u);
  EXPECT_EQ(sent.front().bytes, head);
  // The transfer with which the body ended, then the next head.
  const Transfer& last_of_body = sent[sent.size() - 2];
  EXPECT_EQ(last_of_body.bytes, "");
  EXPECT_EQ(last_of_body.event.tcp_seq + last_of_body.event.transfer_bytes,
            sent.front().event.tcp_seq + head.size() + content.size());
  EXPECT_EQ(sent.back().bytes, "HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_FALSE(is_anywhere("body-token"));
}

TEST_F(OtherCallsTest, HeadsBySendfileAreCounted) {
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  std::fputs("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", file);
  std::fflush(file);
  Connection connection = Connection::open();
  pass(connection.client, connection.server, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::uint64_t before = counter(KS_COUNT_NO_BUFFER_SENDFILE);
  off_t offset = 0;
  ASSERT_GT(sendfile(connection.server, fileno(file), &offset, 38), 0);
  std::fclose(file);
  EXPECT_GE(counter(KS_COUNT_NO_BUFFER_SENDFILE), before + 1);
  const auto sent = transfers(connection.server, KS_SEND);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].bytes, "");
  EXPECT_EQ(sent[0].event.transfer_bytes, 38u);
}

TEST_F(OtherCallsTest, LaterMessagesOfSendmmsgAreCounted) {
  Connection connection = Connection::open();
  std::string first = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n",
              second = "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
  Segments one(first), two(second);
  mmsghdr messages[2] = {{one.message, 0}, {two.message, 0}};
  const std::uint64_t before = counter(KS_COUNT_NO_BUFFER_MMSG_LATER);
  ASSERT_EQ(sendmmsg(connection.client, messages, 2, 0), 2);
  EXPECT_EQ(counter(KS_COUNT_NO_BUFFER_MMSG_LATER), before + 1);
  EXPECT_EQ(captured(connection.client, KS_SEND), first);
}

TEST_F(OtherCallsTest, AsManySegmentsAsACallTakes) {
  Connection connection = Connection::open();
  std::string head = "GET /" + std::string(3000, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  for (const std::size_t count : {9u, 100u, 1023u, 1024u}) {
    SetUp();
    // Segments of 2 bytes, then the rest.
    std::vector<iovec> iov(count);
    for (std::size_t i = 0; i < count; ++i) {
      iov[i] = {head.data() + 2 * i, i + 1 == count ? head.size() - 2 * i : 2};
    }
    ASSERT_EQ(writev(connection.client, iov.data(), static_cast<int>(count)),
              static_cast<ssize_t>(head.size()));
    EXPECT_EQ(captured(connection.client, KS_SEND), head) << count;
    for (const Transfer& transfer : transfers(connection.client, KS_SEND)) {
      EXPECT_FALSE(transfer.has(KS_HEAD_CUT));
    }
  }
}

TEST_F(OtherCallsTest, WouldBlockAndPeekLeaveNoRecord) {
  Connection connection = Connection::open();
  const std::uint64_t peeks = counter(KS_COUNT_PEEK);
  char buffer[256];
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(recv(connection.server, buffer, sizeof buffer, MSG_DONTWAIT), -1);
  }
  const std::string request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  say(connection.client, request);
  ASSERT_EQ(recv(connection.server, buffer, sizeof buffer, MSG_PEEK),
            static_cast<ssize_t>(request.size()));
  EXPECT_TRUE(transfers(connection.server, KS_RECV).empty());
  EXPECT_GE(counter(KS_COUNT_PEEK), peeks + 1);
  EXPECT_EQ(hear(connection.server, request.size()), request);
  EXPECT_EQ(captured(connection.server, KS_RECV), request);
}

TEST_F(OtherCallsTest, BytesThatAReceiveThrowsAwayAreCounted) {
  Connection connection = Connection::open();
  const std::string request = "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody";
  pass(connection.client, connection.server, "GET / HTTP/1.1\r\n\r\n");
  say(connection.client, request);
  const std::uint64_t before = counter(KS_COUNT_NO_BUFFER_SYSCALL);
  // The buffer holds something else, which must not be taken for the bytes.
  char buffer[512] = "GET /not-received HTTP/1.1\r\n\r\n";
  ASSERT_EQ(recv(connection.server, buffer, sizeof buffer, MSG_TRUNC),
            static_cast<ssize_t>(request.size()));
  EXPECT_EQ(counter(KS_COUNT_NO_BUFFER_SYSCALL), before + 1);
  EXPECT_FALSE(is_anywhere("not-received"));
}

// The least of io_uring: one ring, one operation at a time.
class Uring {
 public:
  static std::unique_ptr<Uring> open() {
    io_uring_params params{};
    const long fd = syscall(SYS_io_uring_setup, 4, &params);
    if (fd < 0) return nullptr;
    std::unique_ptr<Uring> ring(new Uring(static_cast<int>(fd), params));
    return ring;
  }

  void submit(unsigned char operation, int socket, const void* buffer, std::size_t bytes) {
    io_uring_sqe& entry = entries_[0];
    std::memset(&entry, 0, sizeof entry);
    entry.opcode = operation;
    entry.fd = socket;
    entry.addr = reinterpret_cast<std::uintptr_t>(buffer);
    entry.len = static_cast<unsigned>(bytes);
    at(params_.sq_off.array + 4 * (at(params_.sq_off.tail) & 3)) = 0;
    ++at(params_.sq_off.tail);
    ASSERT_EQ(syscall(SYS_io_uring_enter, int{fd_}, 1, 0, 0, nullptr, 0), 1);
  }
  bool is_complete() { return at(params_.cq_off.tail) != at(params_.cq_off.head); }
  int take_result() {
    const unsigned head = at(params_.cq_off.head)++ & at(params_.cq_off.ring_mask);
    return reinterpret_cast<io_uring_cqe*>(memory_ + params_.cq_off.cqes)[head].res;
  }

  ~Uring() {
    munmap(memory_, kBytes);
    munmap(entries_, kBytes);
  }

 private:
  static constexpr std::size_t kBytes = 4096;

  Uring(int fd, const io_uring_params& params) : fd_(fd), params_(params) {
    const auto map = [&](off_t what) {
      return mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, what);
    };
    memory_ = static_cast<char*>(map(IORING_OFF_SQ_RING));
    entries_ = static_cast<io_uring_sqe*>(map(IORING_OFF_SQES));
  }
  // What the kernel and the program share.
  std::atomic_ref<unsigned> at(std::size_t offset) {
    return std::atomic_ref(*reinterpret_cast<unsigned*>(memory_ + offset));
  }

  Fd fd_;
  const io_uring_params params_;
  char* memory_;
  io_uring_sqe* entries_;
};

TEST_F(OtherCallsTest, IoUringIsCountedAndNeverMistaken) {
  const auto ring = Uring::open();
  if (!ring) GTEST_SKIP() << "io_uring is not available: " << std::strerror(errno);
  Connection connection = Connection::open(), other = Connection::open();
  const std::string request = "GET /uring HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::uint64_t before = counter(KS_COUNT_NO_BUFFER_IO_URING);
  ring->submit(IORING_OP_SEND, connection.client, request.data(), request.size());
  ASSERT_TRUE(eventually([&] { return ring->is_complete(); }));
  ASSERT_EQ(ring->take_result(), static_cast<int>(request.size()));
  EXPECT_EQ(counter(KS_COUNT_NO_BUFFER_IO_URING), before + 1);

  // A receive that waits is finished on the way out of some later system call: here of the write()
  // whose bytes it receives, with a buffer of its own in the registers.
  char buffer[256];
  ring->submit(IORING_OP_RECV, other.server, buffer, sizeof buffer);
  say(other.client, request);
  ASSERT_TRUE(eventually([&] { return ring->is_complete(); }));
  ASSERT_EQ(ring->take_result(), static_cast<int>(request.size()));
  EXPECT_EQ(counter(KS_COUNT_NO_BUFFER_IO_URING), before + 2);
  EXPECT_EQ(captured(other.client, KS_SEND), request);
  EXPECT_EQ(captured(other.server, KS_RECV), "");
}

}  // namespace
}  // namespace kernspan::probes
