// One request of libcurl's, ready to be added to a multi handle.
#pragma once

#include <curl/curl.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "pipeline/exporters/otlp_http/http_answer.h"
#include "pipeline/exporters/otlp_http/otlp_http_settings.h"
#include "pipeline/otlp/batch.h"

namespace kernspan {

// Must stay where it is: libcurl keeps pointers into it.
class OtlpHttpRequest {
 public:
  // Encodes and compresses the batch. `material` is what tls() gave at this moment.
  OtlpHttpRequest(const OtlpHttpExporterSettings& settings, const ClientTlsMaterial& material,
                  const otlp::Batch& batch, const std::vector<ClientAuthenticator::Header>& headers,
                  std::chrono::nanoseconds timeout);
  OtlpHttpRequest(const OtlpHttpRequest&) = delete;
  OtlpHttpRequest& operator=(const OtlpHttpRequest&) = delete;

  CURL* handle() const { return handle_.get(); }

  // What became of it, once libcurl says that it is over.
  SendOutcome outcome(CURLcode result, std::int64_t now_unix_s);

 private:
  struct Free {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };

  void set_body(const OtlpHttpExporterSettings& settings, const otlp::Batch& batch);
  void set_tls(const OtlpHttpExporterSettings& settings, const ClientTlsMaterial& material);
  void override_server_name(const std::string& url, const std::string& name);
  void add_header(std::string_view name, std::string_view value);
  std::size_t on_body(std::string_view bytes);
  void on_header(std::string_view line);

  const std::string url_;
  otlp::Slice body_;
  std::unique_ptr<CURL, Free> handle_;
  std::unique_ptr<curl_slist, Free> headers_;
  std::unique_ptr<curl_slist, Free> connect_to_;
  std::array<char, CURL_ERROR_SIZE> error_text_{};
  OtlpHttpAnswer answer_;
  std::size_t body_bytes_ = 0;  // seen, whether kept or not
};

}  // namespace kernspan
