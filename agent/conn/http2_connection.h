// One end of one HTTP/2 connection: each stream that a client opens is an exchange.
//
// A stream is known by its number, so nothing is ever paired by position: after a loss what comes
// for a stream still belongs to it. What may have been missed is only how a stream ended, so open
// streams wait a while for their end, and are partial if it does not come.
//
//   the request's HEADERS -> open -> the response's HEADERS -> its END_STREAM, or RST_STREAM: over
//
// An exchange ends when its response does; what is left of its request is only counted. At a client
// two threads may send and receive: then the record of a response can come before that of its
// request, and the response waits for it.
//
// Which side is the client follows from the names of pseudo-headers, or from the preface, and is
// kept. Streams that the server opens (push) are not followed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "agent/conn/connection.h"
#include "agent/conn/http2_stream.h"
#include "agent/protocol/http2/direction_reader.h"

namespace kernspan {

struct Http2Head;

class Http2Connection final : public Connection {
 public:
  // `upgraded`: the HTTP/1 request that asked for HTTP/2, if that is how the connection came here.
  Http2Connection(std::uint64_t cookie, ConnEnvironment& environment, ExchangePtr upgraded);
  ~Http2Connection() override;
  Http2Connection(const Http2Connection&) = delete;
  Http2Connection& operator=(const Http2Connection&) = delete;

  void on_transfer(const ks_transfer_event& event, std::string_view bytes,
                   const Caller& caller) override;
  bool on_grpc_call(const GrpcCall& call) override;
  void on_close(const ks_close_event& event) override;
  void expire(std::uint64_t now_ns, std::uint64_t timeout_ns) override;
  void abandon(std::string_view reason, std::uint64_t& counter) override;
  ExchangePtr leave_for_http2() override { return {}; }
  bool is_http2() const override { return true; }
  bool has_open_exchanges() const override { return open_count_ > 0; }
  bool is_closed() const override { return closed_ns_ != 0; }

 private:
  using Stream = Http2Stream;
  class Direction final : public http2::DirectionSink {
   public:
    Direction(Http2Connection& connection, ks_direction direction)
        : c_(connection), direction_(direction) {}
    void on_headers(std::uint32_t stream, std::int32_t offset, const http2::HeaderBlock& block,
                    bool end_stream) override;
    void on_message(const ks_http2_message& message, std::int32_t offset) override;
    void on_data(const ks_http2_data& data, std::int32_t offset) override;
    void on_reset(std::uint32_t stream, std::uint32_t error_code) override;
    void on_goaway(std::uint32_t last_stream, std::uint32_t error_code) override;
    void on_header_table_size(std::uint32_t bytes) override;
    void on_lost() override;

    void feed(const ks_transfer_event& event, std::string_view bytes);
    bool is_request() const;

    std::uint32_t gaps = 0;
    http2::DirectionReader reader;

   private:
    Http2Connection& c_;
    ks_direction direction_;
    http2::DirectionCounters counted_;
  };
  using Streams = std::unordered_map<std::uint32_t, Stream>;

  bool decide_role(const Http2Head& head, bool received);
  void note_preface(const ks_transfer_event& event, std::string_view bytes);
  void on_request_head(std::uint32_t id, std::int32_t offset, const Http2Head& head,
                       bool end_stream);
  void on_response_head(std::uint32_t id, const Http2Head& head, bool end_stream);
  void open(Stream& stream, std::uint32_t id, std::int32_t offset, const Http2Head& head);
  void take_call(Stream& stream, const GrpcCall& call);
  void request_over(Stream& stream);
  // These two may remove the stream.
  void response_over(Streams::iterator place);
  void end_response(Streams::iterator place, const Caller* caller);
  void close_stream(Stream& stream, std::uint64_t end_ns, const Caller* caller);
  void count_partial(std::string_view reason);
  void end_all(std::string_view error_type, std::uint64_t end_ns);
  // True if the stream is over, or needs to be kept no longer.
  bool expire_stream(Stream& stream, std::uint64_t now_ns, std::uint64_t timeout_ns);
  void report_if_due(const ExchangePtr& exchange, std::uint64_t now_ns);

  Stream* add_stream(std::uint32_t id);
  Stream* find(std::uint32_t id);
  void touch(Stream& stream) const;
  // Where something of the stream may have been missed.
  Http2Gaps gaps_of(const Stream& stream) const {
    return {.request = stream.request.gaps_before != requests().gaps,
            .response = stream.response.gaps_before != responses().gaps};
  }

  Direction& requests() { return directions_[*role_ == Role::kServer ? KS_RECV : KS_SEND]; }
  Direction& responses() { return directions_[*role_ == Role::kServer ? KS_SEND : KS_RECV]; }
  const Direction& requests() const {
    return directions_[*role_ == Role::kServer ? KS_RECV : KS_SEND];
  }
  const Direction& responses() const {
    return directions_[*role_ == Role::kServer ? KS_SEND : KS_RECV];
  }

  const std::uint64_t cookie_;
  ConnEnvironment& env_;
  std::optional<Role> role_;
  std::array<Direction, 2> directions_{Direction(*this, KS_SEND), Direction(*this, KS_RECV)};
  Streams streams_;
  std::size_t open_count_ = 0;  // streams whose exchange is announced and not over
  // The highest stream that a request was seen for, and whether none was missed since: then a
  // higher number is a new request, whatever its fields say.
  std::uint32_t highest_request_ = 0;
  bool numbers_certain_ = false;
  bool request_seen_ = false;
  std::uint64_t lost_ns_ = 0;  // of the last gap
  std::uint64_t closed_ns_ = 0;
  bool closed_here_ = false;  // this end was the first to finish

  // The transfer in progress; null while a close or a timeout is handled.
  const ks_transfer_event* event_ = nullptr;
  const Caller* caller_ = nullptr;
  const Exchange* moving_ = nullptr;  // whose bytes this transfer told the observer of last
};

}  // namespace kernspan
