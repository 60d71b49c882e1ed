// One connection: requests one after another, each answered before the next is looked at.
//
//   kHandshake -> kIdle -> kHead -> kBody -> kWorking -> kWriting -> kIdle ...
//                                                                 -> kLingering -> gone
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/component/authentication.h"
#include "pipeline/receivers/http/body_decoder.h"
#include "pipeline/receivers/http/cors.h"
#include "pipeline/receivers/http/http_byte_stream.h"
#include "pipeline/receivers/http/http_service.h"
#include "pipeline/receivers/http/http_settings.h"
#include "pipeline/receivers/http/request_body.h"

namespace kernspan {

class HttpConnection;

// What connections share: the listener. Its thread only, but for submit()'s work.
class HttpConnectionHost {
 public:
  using Work = std::function<HttpServerAnswer()>;
  using Answered = std::function<void(HttpServerAnswer)>;

  virtual ~HttpConnectionHost() = default;

  virtual const HttpServerSettings& settings() const = 0;
  virtual const std::string& path() const = 0;
  virtual HttpService& service() = 0;
  virtual const ServerAuthenticator* authenticator() const = 0;
  virtual bool stopping() const = 0;

  // Room for bytes of bodies; false when there is none.
  virtual bool reserve(std::size_t bytes) = 0;
  virtual void release(std::size_t bytes) = 0;
  // Runs the work elsewhere and gives its answer back on the host's thread; false when too much is
  // waiting.
  virtual bool submit(Work work, Answered answered) = 0;
  // From waits() to waits_no_more() the connection may be closed for another one's sake.
  virtual void waits(HttpConnection& connection) = 0;
  virtual void waits_no_more(HttpConnection& connection) = 0;
  virtual void failed_handshake(const std::string& reason) = 0;
  // The last that is heard of it.
  virtual void gone(HttpConnection& connection) = 0;
};

// The host's thread only.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(HttpConnectionHost& host, boost::asio::io_context& context,
                 std::unique_ptr<HttpByteStream> stream);

  void start();
  // Ends it in the middle of whatever it does, but for work that was submitted: its answer is then
  // thrown away.
  void close();
  // Whether a request has come in so far that it is worth waiting for its end.
  bool has_request() const { return phase_ > Phase::kHead; }

  // The host's: places in its lists.
  std::list<HttpConnection*>::iterator waiting_place = {};
  bool is_waiting = false;

 private:
  enum class Phase { kHandshake, kIdle, kHead, kBody, kWorking, kWriting, kLingering, kClosed };
  using Parser = boost::beast::http::request_parser<RequestBody>;
  using Bytes = std::size_t;

  void enter(Phase phase, std::chrono::nanoseconds limit);
  void next_request();
  void read();
  void received(boost::system::error_code error, Bytes size);
  void parse();
  void cannot_parse(boost::system::error_code error);
  bool account();
  bool begin_body();
  void note_head();
  std::optional<HttpServerAnswer> refusal();
  bool refuse_body(HttpServerAnswer answer);
  void dispatch();
  HttpServerAnswer error(HttpRefusal reason, int status, std::string_view message);
  RequestHeaders headers() const;
  std::optional<std::string_view> header(std::string_view name) const;
  void respond(const HttpServerAnswer& answer);
  std::string encode(const HttpServerAnswer& answer, bool keep_alive);
  void written(boost::system::error_code error, bool keep_alive);
  void linger();
  void timed_out();
  void release_body();

  HttpConnectionHost& host_;
  const std::unique_ptr<HttpByteStream> stream_;
  const std::string peer_address_;
  boost::asio::steady_timer timer_;
  std::uint64_t timer_round_ = 0;  // tells a timer that was set anew from one that has fired
  Phase phase_ = Phase::kHandshake;
  bool first_request_ = true;
  std::chrono::steady_clock::time_point request_began_;
  boost::beast::flat_buffer buffer_;
  std::unique_ptr<Parser> parser_;
  HttpHead head_;
  ContentEncoding encoding_ = ContentEncoding::kIdentity;
  std::optional<HttpServerAnswer>
      refusal_;  // to be given when the rest of a small body has gone by
  std::vector<HttpHeader> extra_headers_;
  Bytes reserved_bytes_ = 0;
  Bytes lingered_bytes_ = 0;
  std::string out_;
};

}  // namespace kernspan
