#include "pipeline/receivers/http/http_connection.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/status.hpp>
#include <ctime>
#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/component/request_peer.h"

namespace kernspan {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr std::size_t kMaxHeadBytes = 32 << 10;
constexpr auto kHandshakeTimeout = seconds(10);
// With read_timeout unset: 20 MiB in five minutes is 70 KB/s.
constexpr auto kBodyTimeout = std::chrono::minutes(5);
// A refused body of up to this size is read to its end, so that the connection can go on.
constexpr std::size_t kMaxDiscardedBytes = 1 << 20;
// How long, and how much, a client may still send before an answer that closes the connection is
// sure to have reached it: closing at once would make the kernel throw the answer away.
constexpr auto kLingerTimeout = seconds(1);
constexpr std::size_t kMaxLingeredBytes = 4 << 20;

constexpr std::size_t kIdleRead = 1 << 10;
constexpr std::size_t kHeadRead = 8 << 10;
constexpr std::size_t kBodyRead = 64 << 10;

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

std::string media_type(std::string_view value) {
  value = value.substr(0, value.find(';'));
  while (value.ends_with(' ') || value.ends_with('\t')) value.remove_suffix(1);
  std::string type(value);
  for (char& c : type) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return type;
}

// What speaks something else here is most often a client of the neighbouring port.
std::string_view malformed_hint(std::string_view first_bytes) {
  if (first_bytes.starts_with("PRI * HTTP/2")) {
    return "this port speaks HTTP/1.1, and the client HTTP/2: gRPC clients belong to the port of "
           "protocols::grpc";
  }
  if (first_bytes.starts_with("\x16\x03")) {
    return "this port has no TLS, and the client began with it";
  }
  return "the request is not HTTP/1.1";
}

class HttpPeer final : public RequestPeer {
 public:
  explicit HttpPeer(std::string address) : address_(std::move(address)) {}
  std::string address() const override { return address_; }

 private:
  std::string address_;
};

}  // namespace

HttpConnection::HttpConnection(HttpConnectionHost& host, asio::io_context& context,
                               std::unique_ptr<HttpByteStream> stream)
    : host_(host),
      stream_(std::move(stream)),
      peer_address_(stream_->peer_address()),
      timer_(context),
      buffer_(kMaxHeadBytes + kBodyRead) {}

void HttpConnection::start() {
  enter(Phase::kHandshake, kHandshakeTimeout);
  host_.waits(*this);
  stream_->handshake([self = shared_from_this()](error_code error, Bytes) {
    if (self->phase_ == Phase::kClosed) return;
    if (error) {
      self->host_.failed_handshake(error.message());
      return self->close();
    }
    self->next_request();
  });
}

void HttpConnection::close() {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  ++timer_round_;
  timer_.cancel();
  host_.waits_no_more(*this);
  release_body();
  stream_->close();
  host_.gone(*this);
}

// A limit of zero is none.
void HttpConnection::enter(Phase phase, nanoseconds limit) {
  phase_ = phase;
  const std::uint64_t round = ++timer_round_;
  if (limit <= nanoseconds(0)) {
    timer_.cancel();
    return;
  }
  timer_.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(limit));
  timer_.async_wait([weak = weak_from_this(), round](error_code error) {
    const auto self = weak.lock();
    if (!error && self != nullptr && self->timer_round_ == round) self->timed_out();
  });
}

void HttpConnection::timed_out() {
  if (phase_ == Phase::kHead || phase_ == Phase::kBody) {
    host_.service().refused(HttpRefusal::kTimeout).add();
    KERNSPAN_LOG_LIMITED(kWarn, "{}: closed a connection whose request did not come in time",
                         host_.path());
  } else if (phase_ == Phase::kHandshake) {
    host_.failed_handshake("it took too long");
  }
  close();
}

void HttpConnection::next_request() {
  parser_.reset();
  refusal_.reset();
  extra_headers_.clear();
  if (host_.stopping()) return close();
  host_.waits(*this);
  const auto& settings = host_.settings();
  enter(Phase::kIdle, first_request_ ? settings.read_header_timeout : settings.idle_timeout);
  first_request_ = false;
  if (buffer_.size() > 0) return parse();
  buffer_ = boost::beast::flat_buffer(kMaxHeadBytes + kBodyRead);  // gives its memory back
  read();
}

void HttpConnection::read() {
  const Bytes room = phase_ == Phase::kIdle   ? kIdleRead
                     : phase_ == Phase::kHead ? kHeadRead
                                              : kBodyRead;
  const Bytes free = buffer_.max_size() - buffer_.size();
  if (free == 0) {  // something between two chunks that does not end
    return respond(error(HttpRefusal::kMalformed, 400, "malformed HTTP: a part is too long"));
  }
  stream_->read_some(
      buffer_.prepare(std::min(room, free)),
      [self = shared_from_this()](error_code error, Bytes size) { self->received(error, size); });
}

void HttpConnection::received(error_code error, Bytes size) {
  if (phase_ == Phase::kClosed) return;
  if (error) return close();  // the client has gone, in the middle of a request or between two
  if (phase_ == Phase::kLingering) {
    lingered_bytes_ += size;
    return lingered_bytes_ > kMaxLingeredBytes ? close() : read();
  }
  buffer_.commit(size);
  parse();
}

void HttpConnection::parse() {
  if (parser_ == nullptr) {
    parser_ = std::make_unique<Parser>();
    parser_->header_limit(kMaxHeadBytes);
    parser_->body_limit(host_.settings().max_request_body_size);
    request_began_ = std::chrono::steady_clock::now();
    const auto& settings = host_.settings();
    enter(Phase::kHead, settings.read_header_timeout > nanoseconds(0) ? settings.read_header_timeout
                                                                      : settings.read_timeout);
  }
  while (true) {
    error_code error;
    if (buffer_.size() == 0) return read();
    const std::string_view bytes(static_cast<const char*>(buffer_.data().data()), buffer_.size());
    const Bytes used = parser_->put(buffer_.data(), error);
    if (error == http::error::need_more) {
      buffer_.consume(used);
      return read();
    }
    if (error && phase_ == Phase::kHead && error != http::error::header_limit &&
        error != http::error::body_limit) {
      KERNSPAN_LOG_LIMITED(kWarn, "{}: {}", host_.path(), malformed_hint(bytes));
    }
    buffer_.consume(used);
    if (error) return cannot_parse(error);
    if (!account()) return;
    if (phase_ == Phase::kHead && parser_->is_header_done() && !begin_body()) return;
    if (parser_->is_done()) return dispatch();
  }
}

void HttpConnection::cannot_parse(error_code error) {
  if (phase_ == Phase::kHead) note_head();
  if (error == http::error::body_limit) {
    return respond(this->error(
        HttpRefusal::kTooLarge, 413,
        fmt::format("the body is larger than {} bytes: raise max_request_body_size here, or send "
                    "smaller batches",
                    host_.settings().max_request_body_size)));
  }
  if (error == http::error::header_limit) {
    return respond(this->error(HttpRefusal::kTooLarge, 431,
                               fmt::format("the head is larger than {} bytes", kMaxHeadBytes)));
  }
  respond(this->error(HttpRefusal::kMalformed, 400, "malformed HTTP: " + error.message()));
}

// Books the body's bytes with the host. False when there is no room, and the request is answered.
bool HttpConnection::account() {
  const Bytes held = parser_->get().body().bytes.size();
  if (held <= reserved_bytes_) return true;
  if (host_.reserve(held - reserved_bytes_)) {
    reserved_bytes_ = held;
    return true;
  }
  respond(error(HttpRefusal::kOverloaded, 429, "too many bytes of requests are being received"));
  return false;
}

std::optional<std::string_view> HttpConnection::header(std::string_view name) const {
  const auto& fields = parser_->get();
  const auto found = fields.find(boost::beast::string_view(name.data(), name.size()));
  if (found == fields.end()) return std::nullopt;
  return view(found->value());
}

RequestHeaders HttpConnection::headers() const {
  return [this](std::string_view name) { return header(name); };
}

void HttpConnection::note_head() {
  const std::string_view target = view(parser_->get().target());
  head_ = {.method = std::string(view(parser_->get().method_string())),
           .path = std::string(target.substr(0, target.find('?'))),
           .content_type = media_type(header("content-type").value_or(""))};
  if (host_.settings().cors.enabled()) {
    extra_headers_ = cors_headers(host_.settings().cors, headers());
  }
}

// After the head. False when the request is answered, or will be without its body.
bool HttpConnection::begin_body() {
  host_.waits_no_more(*this);
  note_head();
  const nanoseconds limit = host_.settings().read_timeout;
  enter(Phase::kBody, limit > nanoseconds(0) ? limit : nanoseconds(kBodyTimeout));
  parser_->eager(true);
  if (auto refused = refusal()) return refuse_body(std::move(*refused));
  if (!parser_->is_done() && header("expect") == "100-continue") {
    stream_->write(asio::buffer(kContinue), [self = shared_from_this()](error_code error, Bytes) {
      if (self->phase_ == Phase::kClosed) return;
      if (error) return self->close();
      self->parse();
    });
    return false;
  }
  return true;
}

std::optional<HttpServerAnswer> HttpConnection::refusal() {
  const HttpServerSettings& settings = host_.settings();
  if (settings.cors.enabled() && head_.method == "OPTIONS" && is_preflight(headers())) {
    extra_headers_ = preflight_headers(settings.cors, headers());
    return HttpServerAnswer{.status = 204};
  }
  if (host_.authenticator() != nullptr) {
    if (const Status known = host_.authenticator()->authenticate(headers()); !known) {
      return error(HttpRefusal::kUnauthenticated, 401, known.error().message);
    }
  }
  if (auto refused = host_.service().refuse(head_)) {
    host_.service().refused(HttpRefusal::kUnsupported).add();
    return refused;
  }
  const std::string_view name = header("content-encoding").value_or("");
  const auto encoding = content_encoding(name);
  if (!encoding || (*encoding != ContentEncoding::kIdentity &&
                    std::ranges::find(settings.encodings, *encoding) == settings.encodings.end())) {
    return error(HttpRefusal::kUnsupported, 415,
                 fmt::format("unsupported Content-Encoding \"{}\"", name.substr(0, 32)));
  }
  encoding_ = *encoding;
  const auto length = parser_->content_length();
  if (const Status admitted = host_.service().admit(head_, length ? *length : 0); !admitted) {
    return error(HttpRefusal::kNotAdmitted, 503, admitted.error().message);
  }
  return std::nullopt;
}

// Answers at once, and false; or when the rest of a small body has gone by, so that the connection
// can go on: then true, and the body is to be read.
bool HttpConnection::refuse_body(HttpServerAnswer answer) {
  const auto length = parser_->content_length();
  const bool is_small = length && *length <= kMaxDiscardedBytes && !header("expect");
  if (!parser_->is_done() && is_small) {
    parser_->get().body().discard = true;
    refusal_ = std::move(answer);
    return true;
  }
  respond(answer);
  return false;
}

HttpServerAnswer HttpConnection::error(HttpRefusal reason, int status, std::string_view message) {
  host_.service().refused(reason).add();
  if (reason == HttpRefusal::kMalformed) {
    KERNSPAN_LOG_LIMITED(kWarn, "{}: refused a request: {}", host_.path(), message);
  }
  HttpServerAnswer answer = host_.service().error(head_, status, message);
  if (status == 429) answer.retry_after = seconds(1);
  return answer;
}

void HttpConnection::dispatch() {
  if (refusal_) return respond(*refusal_);
  enter(Phase::kWorking, nanoseconds(0));
  // The connection stays alive through the answer's handler; the work touches none of it.
  auto work = [&service = host_.service(), head = head_, peer = HttpPeer(peer_address_),
               encoding = encoding_, max_bytes = host_.settings().max_request_body_size,
               body = std::make_shared<std::string>(std::move(parser_->get().body().bytes))] {
    auto decoded = decode_body(encoding, std::move(*body), max_bytes);
    const RequestPeerScope scope(peer);
    if (decoded) return service.serve(head, std::move(*decoded));
    const bool is_large = decoded.error() == DecodeError::kTooLarge;
    service.refused(is_large ? HttpRefusal::kTooLarge : HttpRefusal::kMalformed).add();
    if (!is_large) return service.error(head, 400, "the body is not well-formed in its encoding");
    return service.error(head, 413,
                         fmt::format("the body is larger than {} bytes when decompressed: raise "
                                     "max_request_body_size here, or send smaller batches",
                                     max_bytes));
  };
  const bool submitted =
      host_.submit(std::move(work), [self = shared_from_this()](const HttpServerAnswer& answer) {
        if (self->phase_ != Phase::kClosed) self->respond(answer);
      });
  if (!submitted) respond(error(HttpRefusal::kOverloaded, 429, "too many requests are under way"));
}

void HttpConnection::respond(const HttpServerAnswer& answer) {
  host_.waits_no_more(*this);
  const bool keep_alive = parser_->is_done() && parser_->keep_alive() &&
                          host_.settings().keep_alives_enabled && !host_.stopping();
  out_ = encode(answer, keep_alive);
  release_body();
  enter(Phase::kWriting, host_.settings().write_timeout);
  stream_->write(asio::buffer(out_),
                 [self = shared_from_this(), keep_alive](error_code error, Bytes) {
                   self->written(error, keep_alive);
                 });
}

std::string HttpConnection::encode(const HttpServerAnswer& answer, bool keep_alive) {
  const bool is_http10 = parser_->is_header_done() && parser_->get().version() < 11;
  const auto reason = http::obsolete_reason(static_cast<http::status>(answer.status));
  std::string text =
      fmt::format("HTTP/1.{} {} {}\r\nDate: {:%a, %d %b %Y %H:%M:%S} GMT\r\n", is_http10 ? 0 : 1,
                  answer.status, view(reason), fmt::gmtime(std::time(nullptr)));
  const auto add = [&](std::string_view name, std::string_view value) {
    text += fmt::format("{}: {}\r\n", name, value);
  };
  for (const auto& [name, value] : host_.settings().response_headers) add(name, value);
  for (const auto& [name, value] : extra_headers_) add(name, value);
  if (answer.status == 405) add("Allow", "POST");
  if (answer.status == 401) add("WWW-Authenticate", "Bearer");
  if (answer.retry_after) add("Retry-After", std::to_string(answer.retry_after->count()));
  if (!answer.content_type.empty()) add("Content-Type", answer.content_type);
  if (answer.status != 204) add("Content-Length", std::to_string(answer.body.size()));
  if (!keep_alive || is_http10) add("Connection", keep_alive ? "keep-alive" : "close");
  text += "\r\n";
  if (head_.method != "HEAD") text += answer.body;
  return text;
}

void HttpConnection::written(error_code error, bool keep_alive) {
  if (phase_ == Phase::kClosed) return;
  out_ = {};
  if (error) return close();
  keep_alive ? next_request() : linger();
}

void HttpConnection::linger() {
  parser_.reset();
  enter(Phase::kLingering, kLingerTimeout);
  stream_->end_sending();
  buffer_.clear();
  read();
}

void HttpConnection::release_body() {
  if (reserved_bytes_ > 0) host_.release(reserved_bytes_);
  reserved_bytes_ = 0;
}

}  // namespace kernspan
