// One end of one HTTP/1 connection: puts the pieces of its two streams in order, feeds the parsers,
// and pairs each response with its request.
//
// Order: pieces carry TCP sequence numbers. What lies between two pieces was body that the kernel
// side did not send, or was lost; the parser knows how much body it expects, so it can tell. After
// a loss nothing is paired by position until the next request begins: exchanges in flight end as
// partial.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "agent/conn/connection.h"
#include "agent/protocol/http1/message_parser.h"
#include "bpf/abi/events.h"

namespace kernspan {

class Http1Connection final : public Connection {
 public:
  Http1Connection(std::uint64_t cookie, ConnEnvironment& environment);
  ~Http1Connection() override;
  Http1Connection(const Http1Connection&) = delete;
  Http1Connection& operator=(const Http1Connection&) = delete;

  void on_transfer(const ks_transfer_event& event, std::string_view bytes,
                   const Caller& caller) override;
  void on_close(const ks_close_event& event) override;
  void expire(std::uint64_t now_ns, std::uint64_t timeout_ns) override;
  void abandon(std::string_view reason, std::uint64_t& counter) override;
  bool on_grpc_call(const GrpcCall&) override { return false; }
  ExchangePtr leave_for_http2() override;
  bool is_http2() const override { return false; }
  bool has_open_exchanges() const override { return !open_.empty(); }
  bool is_closed() const override { return closed_ns_ != 0; }

 private:
  class RequestSide final : public http1::MessageSink {
   public:
    explicit RequestSide(Http1Connection& connection) : c_(connection) {}
    void on_begin() override;
    http1::BodyRule on_head(const http1::Head& head) override;
    void on_end(http1::MessageEnd end, std::optional<std::uint64_t> body_bytes) override;
    void on_invalid(std::string_view reason) override;
    void on_lost() override;

   private:
    Http1Connection& c_;
  };
  class ResponseSide final : public http1::MessageSink {
   public:
    explicit ResponseSide(Http1Connection& connection) : c_(connection) {}
    void on_begin() override;
    http1::BodyRule on_head(const http1::Head& head) override;
    void on_end(http1::MessageEnd end, std::optional<std::uint64_t> body_bytes) override;
    void on_invalid(std::string_view reason) override;
    void on_lost() override;

   private:
    Http1Connection& c_;
  };
  // One direction of the connection.
  struct Stream {
    explicit Stream(http1::MessageKind kind) : parser(kind) {}
    http1::MessageParser parser;
    bool started = false;
    std::uint32_t next_seq = 0;
    std::uint64_t last_ns = 0;  // of the last transfer
  };
  enum class Phase : std::uint8_t { kUndecided, kOpen, kHandedOff };

  bool decide_role(const ks_transfer_event& event, std::string_view bytes);
  void advance(Stream& stream, http1::MessageSink& sink, const ks_transfer_event& event,
               std::string_view bytes);
  bool body_accounts_for_gap() const;
  void lose_answers();
  void announce_request();
  void end_exchange(ExchangePtr exchange, std::uint64_t end_ns);
  void end_all_partial(std::string_view reason, std::uint64_t& counter);
  void end_all_closed(std::string_view error_type);
  void end_all_unread();
  void fill_request(Exchange& exchange, const http1::Head& head);
  void note_rpc(Exchange& exchange, const http1::Head& head) const;

  Stream& stream_of(ks_u8 direction) {
    const bool is_request = (direction == KS_RECV) == (role_ == Role::kServer);
    return is_request ? requests_ : responses_;
  }

  const std::uint64_t cookie_;
  ConnEnvironment& env_;
  Phase phase_ = Phase::kUndecided;
  Role role_ = Role::kServer;
  SocketAddress local_;
  SocketAddress remote_;

  Stream requests_{http1::MessageKind::kRequest};
  Stream responses_{http1::MessageKind::kResponse};
  RequestSide request_side_{*this};
  ResponseSide response_side_{*this};

  std::vector<ExchangePtr> open_;  // requests without a complete response, oldest first
  ExchangePtr request_;            // the request that is being read
  ExchangePtr response_to_;        // the request whose response is being read
  ExchangePtr upgraded_;           // the request that HTTP/2 will answer
  bool request_unannounced_ = false;
  bool request_seen_ = false;
  bool interim_ = false;               // the response in progress is a 1xx
  bool response_length_open_ = false;  // its end is not known from its head
  bool event_stream_ = false;          // the response in progress is a stream of events
  bool upgrading_ = false;             // the response in progress leaves for HTTP/2
  bool unmatched_head_ = false;        // no byte has come since the head of one without a request
  std::uint32_t begin_seq_ = 0;        // of the request in progress
  std::uint64_t begin_ns_ = 0;
  std::uint64_t closed_ns_ = 0;

  // The transfer in progress, for the sides' callbacks; null while a close or a timeout is handled.
  const ks_transfer_event* event_ = nullptr;
  const Caller* caller_ = nullptr;
};

}  // namespace kernspan
