// Kernel events as a test tells them: sockets with two streams, threads that read and write.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/receiver/tracer.h"
#include "bpf/abi/events.h"

namespace kernspan {

// A thread of a process; `sleeps` goes up when the test says that it slept.
struct StoryThread {
  std::uint32_t tgid = 0;
  std::uint32_t tid = 0;
  std::uint64_t sleeps = 0;
};

// One end of a connection. Two ends made with connect_pair() share their sequence numbers.
struct StorySocket {
  std::uint64_t cookie = 0;
  SocketAddress local;
  SocketAddress remote;
  std::uint32_t send_seq = 0;
  std::uint32_t recv_seq = 0;
  // HTTP/2: records so far.
  std::uint32_t send_ordinal = 0;
  std::uint32_t recv_ordinal = 0;
  // Where its two streams began.
  std::uint32_t first_send_seq = 0;
  std::uint32_t first_recv_seq = 0;
};

class EventStory {
 public:
  explicit EventStory(Tracer& tracer) : tracer_(tracer) {}

  std::uint64_t now_ns = 1'000'000'000;
  std::uint16_t extra_flags = 0;  // KS_MIDSTREAM for connections older than the agent

  void pass_ms(std::uint64_t ms) { now_ns += ms * 1'000'000; }

  // A fresh connection; first is the client's end.
  std::pair<StorySocket, StorySocket> connect_pair(std::uint16_t server_port = 80) {
    StorySocket client, server;
    client.cookie = ++cookies_;
    server.cookie = ++cookies_;
    const auto address = [](std::uint8_t last, std::uint16_t port) {
      return SocketAddress{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, last}, port};
    };
    client.local = server.remote = address(1, static_cast<std::uint16_t>(40000 + cookies_));
    client.remote = server.local = address(2, server_port);
    client.send_seq = server.recv_seq = static_cast<std::uint32_t>(cookies_ * 1'000'003);
    client.recv_seq = server.send_seq = static_cast<std::uint32_t>(cookies_ * 7'000'001);
    for (StorySocket* socket : {&client, &server}) {
      socket->first_send_seq = socket->send_seq;
      socket->first_recv_seq = socket->recv_seq;
    }
    return {client, server};
  }

  // One transfer: `head` is what the kernel side captures, then `unseen` body bytes ending in
  // `tail`.
  void send(StorySocket& socket, const StoryThread& thread, std::string_view head,
            std::uint32_t unseen = 0, std::string_view tail = {}) {
    transfer(socket, thread, KS_SEND, head, unseen, tail);
  }
  void recv(StorySocket& socket, const StoryThread& thread, std::string_view head,
            std::uint32_t unseen = 0, std::string_view tail = {}) {
    transfer(socket, thread, KS_RECV, head, unseen, tail);
  }
  // One transfer of an HTTP/2 connection: `items` (bpf/abi/http2_items.h) are what the kernel side
  // makes of its `bytes` bytes.
  void send_http2(StorySocket& socket, const StoryThread& thread, std::string_view items,
                  std::uint32_t bytes) {
    transfer_http2(socket, thread, KS_SEND, items, bytes);
  }
  void recv_http2(StorySocket& socket, const StoryThread& thread, std::string_view items,
                  std::uint32_t bytes) {
    transfer_http2(socket, thread, KS_RECV, items, bytes);
  }
  void eof(StorySocket& socket, const StoryThread& thread) {
    ks_transfer_event event = transfer_event(socket, thread, KS_RECV);
    event.flags |= KS_EOF;
    tracer_.on_transfer(event, {});
  }
  // Bytes that passed without any event (body, or a lost record).
  static void unseen_send(StorySocket& socket, std::uint32_t bytes) { socket.send_seq += bytes; }
  static void unseen_recv(StorySocket& socket, std::uint32_t bytes) { socket.recv_seq += bytes; }

  void connect(const StorySocket& socket, const StoryThread& thread) {
    ks_connect_event event{};
    event.header = header(KS_EVENT_CONNECT, sizeof event);
    event.socket_cookie = socket.cookie;
    event.tgid = thread.tgid;
    event.tid = thread.tid;
    event.turn = thread.sleeps;
    tracer_.on_connect(event);
  }
  // The program says that a goroutine opens the stream or begins to handle it. Threads stand for goroutines
  // here: the thread's number is the goroutine's address.
  void grpc_call(const StorySocket& socket, ks_grpc_role role, std::uint32_t stream,
                 std::string_view method, const StoryThread& goroutine, std::uint64_t number,
                 std::uint64_t parent_number = 0) {
    ks_grpc_call_event event{};
    event.header = header(KS_EVENT_GRPC_CALL, sizeof event);
    event.socket_cookie = socket.cookie;
    event.goroutine = goroutine.tid;
    event.goroutine_id = number;
    event.parent_goroutine_id = parent_number;
    event.tgid = goroutine.tgid;
    event.tid = goroutine.tid;
    event.stream = stream;
    event.role = static_cast<ks_u8>(role);
    tracer_.on_grpc_call(event, method);
  }
  void close(const StorySocket& socket, ks_close_stage stage = KS_CLOSE_FINAL, int error = 0) {
    ks_close_event event{};
    event.header = header(KS_EVENT_CLOSE, sizeof event);
    event.socket_cookie = socket.cookie;
    event.stage = stage;
    event.error = error;
    tracer_.on_close(event);
  }
  // Over the overhead budget: nothing of the socket is sent from now on.
  void shed(const StorySocket& socket, const StoryThread& thread, std::uint32_t step) {
    ks_shed_event event{};
    event.header = header(KS_EVENT_SHED, sizeof event);
    event.socket_cookie = socket.cookie;
    event.tgid = thread.tgid;
    event.tid = thread.tid;
    event.step = step;
    tracer_.on_shed(event);
  }

 private:
  ks_event_header header(ks_event_kind kind, std::size_t size) {
    now_ns += 1000;
    return {.ts_ns = now_ns, .kind = kind, .size = static_cast<ks_u32>(size)};
  }
  ks_transfer_event transfer_event(const StorySocket& socket, const StoryThread& thread,
                                   ks_direction direction) {
    ks_transfer_event event{};
    event.header = header(KS_EVENT_TRANSFER, sizeof event);
    event.socket_cookie = socket.cookie;
    event.turn = thread.sleeps;
    event.tgid = thread.tgid;
    event.tid = thread.tid;
    event.tcp_seq = direction == KS_SEND ? socket.send_seq : socket.recv_seq;
    std::copy(socket.local.ip.begin(), socket.local.ip.end(), event.local_address);
    std::copy(socket.remote.ip.begin(), socket.remote.ip.end(), event.remote_address);
    event.local_port = socket.local.port;
    event.remote_port = socket.remote.port;
    event.direction = static_cast<ks_u8>(direction);
    event.flags = extra_flags;
    const std::uint32_t first_seq =
        direction == KS_SEND ? socket.first_send_seq : socket.first_recv_seq;
    if (event.tcp_seq == first_seq && !(extra_flags & KS_MIDSTREAM)) event.flags |= KS_STREAM_START;
    return event;
  }
  void transfer(StorySocket& socket, const StoryThread& thread, ks_direction direction,
                std::string_view head, std::uint32_t unseen, std::string_view tail) {
    ks_transfer_event event = transfer_event(socket, thread, direction);
    const auto head_bytes = static_cast<std::uint32_t>(head.size());
    event.header.size += head_bytes;
    event.transfer_bytes = head_bytes + unseen;
    event.captured_bytes = head_bytes;
    if (!head.empty()) event.flags |= KS_HEAD_START;
    event.tail_bytes = static_cast<ks_u8>(std::min<std::size_t>(tail.size(), KS_TAIL_BYTES_MAX));
    std::copy(tail.end() - event.tail_bytes, tail.end(), event.tail);
    tracer_.on_transfer(event, head);
    (direction == KS_SEND ? socket.send_seq : socket.recv_seq) += event.transfer_bytes;
  }

  void transfer_http2(StorySocket& socket, const StoryThread& thread, ks_direction direction,
                      std::string_view items, std::uint32_t bytes) {
    ks_transfer_event event = transfer_event(socket, thread, direction);
    event.header.size += static_cast<ks_u32>(items.size());
    event.flags |= KS_HTTP2;
    event.transfer_bytes = bytes;
    event.captured_bytes = static_cast<ks_u32>(items.size());
    event.ordinal = (direction == KS_SEND ? socket.send_ordinal : socket.recv_ordinal)++;
    tracer_.on_transfer(event, items);
    (direction == KS_SEND ? socket.send_seq : socket.recv_seq) += bytes;
  }

  Tracer& tracer_;
  std::uint64_t cookies_ = 0;
};

}  // namespace kernspan
