// Drives the tracer with the events of two HTTP/2 connections. Input: operations, each a byte (4 bits which, 4 bits an
// argument) and the bytes it takes: frames of either direction, counts, losses, ends, time. Whatever comes, the books
// balance: each exchange that was opened ends once and becomes one span.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tests/unit/agent/protocol/http2/item_writer.h"
#include "tests/unit/agent/protocol/http2/wire.h"
#include "tests/unit/agent/receiver/event_story.h"

namespace kernspan {
namespace {

using http2::FrameType;

void check(bool holds) {
  if (!holds) __builtin_trap();
}

// Blocks that an encoder may begin with: requests, responses, trailers, and indexes of unseen entries.
constexpr std::string_view kBlocks[] = {
    "\x82\x86\x84",
    "\x83\x86\x44\x07/s.A/Mx",
    std::string_view("\x83\x86\x44\x06/s.A/M\x5f\x10"
                     "application/grpc",
                     28),
    "\x88",
    std::string_view("\x88\x5f\x10"
                     "application/grpc",
                     19),
    std::string_view("\x40\x0bgrpc-status\x01"
                     "5",
                     15),
    "\x08\x03"
    "103",
    "\xbe\xbf",
};

class Fuzz {
 public:
  explicit Fuzz(std::string_view input) : input_(input) {
    for (std::size_t i = 0; i < 2; ++i) {
      auto [client, server] = story_.connect_pair();
      sockets_[i] = i == 0 ? server : client;
    }
  }

  void run() {
    while (!input_.empty()) step();
    tell();
    flush();
    tracer_.finish(story_.now_ns, encoder_);
    spans_ += encoder_.take().item_count();
    const TracerCounters& counters = tracer_.counters();
    check(counters.connections.exchanges_opened == counters.connections.exchanges_ended);
    check(counters.spans == counters.connections.exchanges_opened);
    check(spans_ == counters.spans + counters.interim_spans);
    check(tracer_.held() == 0);
  }

 private:
  std::uint8_t take() {
    if (input_.empty()) return 0;
    const auto byte = static_cast<std::uint8_t>(input_.front());
    input_.remove_prefix(1);
    return byte;
  }
  std::uint32_t stream(unsigned argument) const { return argument & 7; }

  // Ends the record that is being written.
  void tell() {
    if (items_.empty()) return;
    StorySocket& socket = sockets_[connection_];
    if (receives_) {
      story_.recv_http2(socket, thread_, items_, 100);
    } else {
      story_.send_http2(socket, thread_, items_, 100);
    }
    items_.clear();
  }
  void flush() {
    tracer_.flush(story_.now_ns, 0, encoder_);
    spans_ += encoder_.take().item_count();
  }
  void frame(FrameType type, unsigned flags, std::uint32_t id, std::string_view payload) {
    items_ += http2::item(KS_HTTP2_FRAME,
                          http2::frame_bytes(type, static_cast<std::uint8_t>(flags), id, payload));
  }

  void step() {
    const std::uint8_t byte = take();
    const unsigned argument = byte & 15;
    if (items_.size() > KS_CAPTURE_BYTES_MAX / 2) tell();
    switch (byte >> 4) {
      case 0:
      case 1:
      case 2: {  // a header block
        const std::uint8_t choice = take();
        frame(FrameType::kHeaders, http2::kFlagEndHeaders | (argument >> 3), stream(argument),
              kBlocks[choice & 7]);
        return;
      }
      case 3:
        items_ += http2::message_item(stream(argument), take());
        return;
      case 4:
      case 5:
        items_ += http2::data_item(stream(argument), take() & 3, take());
        return;
      case 6:
        return frame(FrameType::kRstStream, 0, stream(argument),
                     std::string("\0\0\0", 3) + static_cast<char>(take()));
      case 7:
        return frame(FrameType::kGoaway, 0, 0,
                     std::string("\0\0\0", 3) + static_cast<char>(argument) +
                         std::string("\0\0\0", 3) + static_cast<char>(take()));
      case 8:
        items_ += (argument & 1) != 0 ? http2::start_item() : http2::joined_item();
        return;
      default:
        tell();
        outside(byte >> 4, argument);
    }
  }

  // What does not go on in the same record.
  void outside(unsigned operation, unsigned argument) {
    StorySocket& socket = sockets_[connection_];
    switch (operation) {
      case 9:
        receives_ = !receives_;
        return;
      case 10:
        connection_ = argument & 1;
        thread_ = {.tgid = 7, .tid = 7 + argument / 4, .sleeps = thread_.sleeps + (argument & 2)};
        return;
      case 11:  // records are lost
        (receives_ ? socket.recv_ordinal : socket.send_ordinal) += argument;
        return;
      case 12:
        story_.pass_ms(std::uint64_t{1} << argument);
        return flush();
      case 13:
        if ((argument & 1) != 0) return story_.eof(socket, thread_);
        return story_.close(socket, (argument & 2) != 0 ? KS_CLOSE_WRITE : KS_CLOSE_FINAL,
                            static_cast<int>(argument / 4));
      case 14:
        return story_.recv(socket, thread_,
                           "GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
      default:
        return story_.send(socket, thread_,
                           "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
    }
  }

  static process::ProcessTable::Settings table() {
    process::ProcessTable::Settings settings;
    settings.proc_root = "/nonexistent-proc";
    return settings;
  }

  std::string_view input_;
  std::uint64_t next_id_ = 0;
  process::ProcessTable processes_{table(), {}, [this] { return story_.now_ns; }};
  Tracer tracer_{{}, processes_, {}, [this] { return ++next_id_; }, [](std::uint32_t, bool) {}};
  EventStory story_{tracer_};
  otlp::RequestEncoder encoder_;
  StorySocket sockets_[2];
  StoryThread thread_{.tgid = 7, .tid = 7, .sleeps = 0};
  std::string items_;
  std::size_t spans_ = 0;
  std::size_t connection_ = 0;
  bool receives_ = true;
};

}  // namespace
}  // namespace kernspan

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  kernspan::Fuzz({reinterpret_cast<const char*>(data), size}).run();
  return 0;
}
