// OTLP over HTTP: /v1/traces and /v1/metrics, as protobuf and as JSON.
// Spec: opentelemetry.io/docs/specs/otlp, "OTLP/HTTP"
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "pipeline/component/factory.h"
#include "pipeline/receivers/http/http_listener.h"
#include "pipeline/receivers/http/http_refusals.h"
#include "pipeline/receivers/http/http_service.h"
#include "pipeline/receivers/otlp/otlp_settings.h"
#include "pipeline/receivers/receiver_books.h"

namespace kernspan {

// Answers, as upstream, in the request's own encoding: malformed 400, refused by the pipeline 503
// when it is worth another try, else 500; and what HttpListener answers for itself.
class OtlpHttpReceiver final : public Component, private HttpService {
 public:
  OtlpHttpReceiver(const ComponentContext& context, OtlpHttpServerSettings settings,
                   Consumer& next);
  ~OtlpHttpReceiver() override;

  Status start() override;
  void stop(std::chrono::steady_clock::time_point deadline) override;

  // The port that is listened on, after start(): for endpoints with port 0.
  int port() const { return listener_ == nullptr ? 0 : listener_->port(); }

 private:
  std::optional<HttpServerAnswer> refuse(const HttpHead& head) const override;
  Status admit(const HttpHead& head, std::size_t bytes) override;
  HttpServerAnswer serve(const HttpHead& head, std::string body) override;
  HttpServerAnswer error(const HttpHead& head, int status, std::string_view message) const override;
  Counter& refused(HttpRefusal reason) override { return refusals_.of(reason); }

  std::optional<otlp::Signal> signal_of(const HttpHead& head) const;
  HttpServerAnswer malformed(const HttpHead& head, const Error& error);

  const std::string path_;
  const OtlpHttpServerSettings settings_;
  const otlp::Signals signals_;
  const Extensions& extensions_;
  const otlp::SpanQuestions* const questions_;  // may be null
  Consumer& next_;
  const ReceiverBooks books_;
  const HttpRefusals refusals_;
  std::unique_ptr<HttpListener> listener_;
};

}  // namespace kernspan
