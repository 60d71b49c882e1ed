#include "pipeline/exporters/otlp_http/http_transport.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>

#include "pipeline/exporters/otlp_http/http_request.h"

namespace kernspan {
namespace {

struct Sending {
  std::unique_ptr<OtlpHttpRequest> request;
  Transport::Done done;
};

// Once in the process, before any other thread uses it; there is no end to match.
void initialize_curl() {
  static const CURLcode kDone = curl_global_init(CURL_GLOBAL_DEFAULT);
  static_cast<void>(kDone);
}

struct FreeMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};

}  // namespace

class OtlpHttpTransport::Worker {
 public:
  Worker(const OtlpHttpExporterSettings& settings, ClientTlsMaterial material, const Clock& clock)
      : settings_(settings),
        clock_(clock),
        material_(std::make_shared<const ClientTlsMaterial>(std::move(material))),
        multi_(curl_multi_init()) {
    if (settings.max_idle_connections > 0) {
      curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, settings.max_idle_connections);
    }
    curl_multi_setopt(multi_.get(), CURLMOPT_MAX_HOST_CONNECTIONS, settings.max_connections);
    thread_ = std::thread([this] { run(); });
  }

  ~Worker() {
    stopping_ = true;
    curl_multi_wakeup(multi_.get());
    thread_.join();
  }

  void use(ClientTlsMaterial material) {
    auto next = std::make_shared<const ClientTlsMaterial>(std::move(material));
    const std::scoped_lock lock(mutex_);
    material_ = std::move(next);
  }

  void send(const otlp::Batch& batch, std::chrono::nanoseconds timeout, Done done) {
    const auto headers = auth_headers(settings_.auth);
    if (!headers) {
      done({.kind = SendOutcome::Kind::kRetryable, .message = headers.error().message});
      return;
    }
    std::shared_ptr<const ClientTlsMaterial> material;
    {
      const std::scoped_lock lock(mutex_);
      material = material_;
    }
    Sending sending{
        std::make_unique<OtlpHttpRequest>(settings_, *material, batch, *headers, timeout),
        std::move(done)};
    {
      const std::scoped_lock lock(mutex_);
      incoming_.push_back(std::move(sending));
    }
    curl_multi_wakeup(multi_.get());
  }

  void cancel_all() {
    cancelling_ = true;
    curl_multi_wakeup(multi_.get());
  }

 private:
  void run() {
    // Longer than any wait for which libcurl does not set a timer of its own.
    constexpr int kMaxPollMs = 60'000;
    while (!stopping_) {
      begin_incoming();
      if (cancelling_.exchange(false)) end_all();
      int running = 0;
      curl_multi_perform(multi_.get(), &running);
      end_finished();
      curl_multi_poll(multi_.get(), nullptr, 0, kMaxPollMs, nullptr);
    }
    begin_incoming();
    end_all();
  }

  void begin_incoming() {
    std::deque<Sending> incoming;
    {
      const std::scoped_lock lock(mutex_);
      incoming.swap(incoming_);
    }
    for (Sending& sending : incoming) {
      CURL* const handle = sending.request->handle();
      active_.emplace(handle, std::move(sending));
      curl_multi_add_handle(multi_.get(), handle);
    }
  }

  void end_finished() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode result = message->data.result;  // gone with the handle
      end(active_.find(message->easy_handle), result);
    }
  }

  void end_all() {
    while (!active_.empty()) end(active_.begin(), CURLE_ABORTED_BY_CALLBACK);
  }

  using Active = std::unordered_map<CURL*, Sending>;
  void end(Active::iterator found, CURLcode result) {
    if (found == active_.end()) return;
    Sending ended = std::move(found->second);
    active_.erase(found);
    const auto now_s = static_cast<std::int64_t>(clock_.wall_ns() / 1'000'000'000);
    SendOutcome outcome = ended.request->outcome(result, now_s);
    curl_multi_remove_handle(multi_.get(), ended.request->handle());
    ended.request.reset();
    ended.done(std::move(outcome));
  }

  const OtlpHttpExporterSettings& settings_;
  const Clock& clock_;
  std::mutex mutex_;                                   // guards the two below
  std::shared_ptr<const ClientTlsMaterial> material_;  // shared with sends in progress
  std::deque<Sending> incoming_;
  std::atomic<bool> cancelling_ = false;
  std::atomic<bool> stopping_ = false;
  std::unique_ptr<CURLM, FreeMulti> multi_;
  Active active_;  // the thread's alone
  std::thread thread_;
};

OtlpHttpTransport::OtlpHttpTransport(OtlpHttpExporterSettings settings, otlp::Signals signals,
                                     const Clock& clock)
    : settings_(std::move(settings)),
      signals_(signals),
      clock_(clock),
      tls_watch_(settings_.tls, settings_.path) {}

OtlpHttpTransport::~OtlpHttpTransport() = default;

Status OtlpHttpTransport::start() {
  for (const otlp::Signal signal : otlp::kAllSignals) {
    const bool has_url =
        !(signal == otlp::Signal::kTraces ? settings_.traces_url : settings_.metrics_url).empty();
    if (signals_.contains(signal) && !has_url) {
      return permanent(fmt::format("{0}: is in a pipeline of {1}: set endpoint or {1}_endpoint",
                                   settings_.path, name_of(signal)));
    }
  }
  auto material = tls_watch_.load();
  if (!material) return std::unexpected(material.error());
  initialize_curl();
  worker_ = std::make_unique<Worker>(settings_, *std::move(material), clock_);
  return {};
}

void OtlpHttpTransport::send(const otlp::Batch& batch, std::chrono::nanoseconds timeout,
                             Done done) {
  if (auto material = tls_watch_.changed()) worker_->use(*std::move(material));
  worker_->send(batch, timeout, std::move(done));
}

void OtlpHttpTransport::cancel_all() {
  worker_->cancel_all();
}

void OtlpHttpTransport::stop() {
  worker_.reset();
}

}  // namespace kernspan
