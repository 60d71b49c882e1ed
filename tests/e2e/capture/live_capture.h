// A story-teller for tests of the capture: real sockets of this process on the loopback, and what
// the kernel side says about them.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/probes/capture.h"
#include "agent/probes/event_decoder.h"

namespace kernspan::probes {

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  ~Fd() { close(); }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  operator int() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
};

enum class Family { kIpv4, kIpv6, kMapped };  // kMapped: IPv4 over AF_INET6 sockets
std::string family_name(Family family);

struct Connection {
  Fd client;
  Fd server;

  // Connected over the loopback, on a port that the kernel chose.
  static Connection open(Family family = Family::kIpv4);
};

std::uint64_t cookie_of(int socket);

struct Transfer {
  ks_transfer_event event;
  std::string bytes;
  std::string tail;

  bool has(ks_transfer_flags flag) const { return (event.flags & flag) != 0; }
};

// All records of one process-wide capture since the test began.
class CaptureTest : public testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();
  void SetUp() override;

  static Capture& capture() { return *capture_; }

  // Sends all of it with one system call, and receives as many bytes with one.
  static void say(int from, std::string_view text);
  static std::string hear(int at, std::size_t bytes);
  // Both, so that either end has one transfer.
  static void pass(int from, int to, std::string_view text);

  // What was said about a socket so far, in order.
  std::vector<Transfer> transfers(int socket, ks_direction direction);
  // The captured bytes of all of those.
  std::string captured(int socket, ks_direction direction);

  std::vector<ks_close_event> closes(std::uint64_t cookie);
  std::vector<ks_connect_event> connects(std::uint64_t cookie);
  // Events of other kinds, as the decoder gives them.
  std::vector<Event> events();

  // Reads the ring until `condition` or two seconds.
  bool eventually(const std::function<bool()>& condition);
  // True if this text is in any byte of any record.
  bool is_anywhere(std::string_view text);

  std::uint64_t counter(ks_counter which) { return capture().counters()[which]; }

 private:
  struct Store;
  void read_ring();

  static std::unique_ptr<Capture> capture_;
  static std::string why_not_;
  static std::unique_ptr<Store> store_;
};

}  // namespace kernspan::probes
