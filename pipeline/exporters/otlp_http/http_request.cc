#include "pipeline/exporters/otlp_http/http_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

#include "pipeline/otlp/compress.h"
#include "pipeline/otlp/json_writer.h"

namespace kernspan {
namespace {

// An OTLP answer is a few bytes; of an error page the beginning is enough. As upstream.
constexpr std::size_t kMaxKeptBytes = 64 << 10;
// A peer that goes on longer than this is cut off.
constexpr std::size_t kMaxBodyBytes = 4 << 20;

// libcurl's options are C varargs: nothing converts for the caller.
long as_flag(bool on) {
  return on ? 1L : 0L;
}

curl_blob blob_of(const std::string& text) {
  // Copied by libcurl, which does not write into it.
  return {const_cast<char*>(text.data()), text.size(), CURL_BLOB_COPY};
}

long lowest(ClientTlsVersion version) {
  switch (version) {
    case ClientTlsVersion::kTls10:
      return CURL_SSLVERSION_TLSv1_0;
    case ClientTlsVersion::kTls11:
      return CURL_SSLVERSION_TLSv1_1;
    case ClientTlsVersion::kTls13:
      return CURL_SSLVERSION_TLSv1_3;
    default:
      return CURL_SSLVERSION_TLSv1_2;
  }
}

long highest(ClientTlsVersion version) {
  switch (version) {
    case ClientTlsVersion::kTls10:
      return CURL_SSLVERSION_MAX_TLSv1_0;
    case ClientTlsVersion::kTls11:
      return CURL_SSLVERSION_MAX_TLSv1_1;
    case ClientTlsVersion::kTls12:
      return CURL_SSLVERSION_MAX_TLSv1_2;
    default:
      return CURL_SSLVERSION_MAX_DEFAULT;
  }
}

struct Encoded {
  otlp::Slice bytes;
  const char* encoding = nullptr;  // the Content-Encoding; null without one
};

Encoded compress(HttpCompression compression, std::vector<std::string_view> pieces) {
  switch (compression) {
    case HttpCompression::kGzip:
      return {otlp::Slice(otlp::deflate(pieces, otlp::Deflate::kGzip)), "gzip"};
    case HttpCompression::kZlib:
      return {otlp::Slice(otlp::deflate(pieces, otlp::Deflate::kZlib)), "zlib"};
    case HttpCompression::kDeflate:
      return {otlp::Slice(otlp::deflate(pieces, otlp::Deflate::kZlib)), "deflate"};
    case HttpCompression::kZstd:
      return {otlp::Slice(otlp::zstd(pieces)), "zstd"};
    case HttpCompression::kNone:
      break;
  }
  return {};
}

}  // namespace

OtlpHttpRequest::OtlpHttpRequest(const OtlpHttpExporterSettings& settings,
                                 const ClientTlsMaterial& material, const otlp::Batch& batch,
                                 const std::vector<ClientAuthenticator::Header>& headers,
                                 std::chrono::nanoseconds timeout)
    : url_(batch.signal() == otlp::Signal::kTraces ? settings.traces_url : settings.metrics_url),
      handle_(curl_easy_init()) {
  CURL* const curl = handle();
  set_body(settings, batch);
  for (const auto& [name, value] : settings.headers) add_header(name, value);
  for (const auto& [name, value] : headers) add_header(name, value);
  add_header("Expect", "");  // without it large bodies would wait for "100 Continue"
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_URL, url_.c_str());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PRIVATE, this);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error_text_.data());
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "kernspan/" KERNSPAN_VERSION);
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION,
                   settings.http2 ? static_cast<long>(CURL_HTTP_VERSION_2TLS)
                                  : static_cast<long>(CURL_HTTP_VERSION_1_1));
  if (!settings.proxy_url.empty()) {
    curl_easy_setopt(curl, CURLOPT_PROXY, settings.proxy_url.c_str());
  }
  if (timeout > std::chrono::nanoseconds{0}) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count();
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<decltype(ms)>(ms, 1)));
  }
  set_tls(settings, material);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers_.get());
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(
      curl, CURLOPT_WRITEFUNCTION,
      +[](char* data, std::size_t size, std::size_t count, void* self) {
        return static_cast<OtlpHttpRequest*>(self)->on_body({data, size * count});
      });
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(
      curl, CURLOPT_HEADERFUNCTION,
      +[](char* data, std::size_t size, std::size_t count, void* self) {
        static_cast<OtlpHttpRequest*>(self)->on_header({data, size * count});
        return size * count;
      });
}

void OtlpHttpRequest::set_body(const OtlpHttpExporterSettings& settings, const otlp::Batch& batch) {
  std::vector<std::string_view> pieces;
  std::string json;
  if (settings.encoding == HttpEncoding::kJson) {
    otlp::append_json(batch, json);
    pieces.push_back(json);
    add_header("Content-Type", "application/json");
  } else {
    for (const otlp::Slice& slice : batch.slices()) pieces.push_back(slice.view());
    add_header("Content-Type", "application/x-protobuf");
  }
  const Encoded encoded = compress(settings.compression, std::move(pieces));
  if (encoded.encoding != nullptr) {
    add_header("Content-Encoding", encoded.encoding);
    body_ = encoded.bytes;
  } else {
    body_ = json.empty() ? batch.joined() : otlp::Slice(std::move(json));
  }
  curl_easy_setopt(handle(), CURLOPT_POST, 1L);
  curl_easy_setopt(handle(), CURLOPT_POSTFIELDS, body_.view().data());
  curl_easy_setopt(handle(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body_.size()));
}

void OtlpHttpRequest::set_tls(const OtlpHttpExporterSettings& settings,
                              const ClientTlsMaterial& material) {
  CURL* const curl = handle();
  const ClientTlsSettings& tls = settings.tls;
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, lowest(tls.min_version) | highest(tls.max_version));
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, as_flag(!tls.insecure_skip_verify));
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, tls.insecure_skip_verify ? 0L : 2L);
  if (!material.ca.empty()) {
    curl_blob blob = blob_of(material.ca);
    curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
    // These alone: not the system's as well, which are built in as a directory.
    curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
  }
  if (!material.certificate.empty()) {
    curl_blob certificate = blob_of(material.certificate);
    curl_blob key = blob_of(material.key);
    curl_easy_setopt(curl, CURLOPT_SSLCERTTYPE, "PEM");
    curl_easy_setopt(curl, CURLOPT_SSLKEYTYPE, "PEM");
    curl_easy_setopt(curl, CURLOPT_SSLCERT_BLOB, &certificate);
    curl_easy_setopt(curl, CURLOPT_SSLKEY_BLOB, &key);
  }
  if (!tls.server_name_override.empty()) override_server_name(url_, tls.server_name_override);
}

// The URL gets the other name, which TLS asks for and checks; the connection goes where the URL
// pointed, and the request still names that host.
void OtlpHttpRequest::override_server_name(const std::string& url, const std::string& name) {
  struct FreeUrl {
    void operator()(CURLU* parts) const { curl_url_cleanup(parts); }
    void operator()(char* text) const { curl_free(text); }
  };
  const std::unique_ptr<CURLU, FreeUrl> parts(curl_url());
  if (curl_url_set(parts.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return;
  const auto part = [&](CURLUPart which, unsigned flags) {
    char* text = nullptr;
    curl_url_get(parts.get(), which, &text, flags);
    const std::unique_ptr<char, FreeUrl> owner(text);
    return text == nullptr ? std::string() : std::string(text);
  };
  const std::string host = part(CURLUPART_HOST, 0);
  const std::string port = part(CURLUPART_PORT, CURLU_DEFAULT_PORT);
  add_header("Host", host + ":" + port);
  connect_to_.reset(
      curl_slist_append(nullptr, fmt::format("{}:{}:{}:{}", name, port, host, port).c_str()));
  curl_url_set(parts.get(), CURLUPART_HOST, name.c_str(), 0);
  curl_easy_setopt(handle(), CURLOPT_CONNECT_TO, connect_to_.get());
  curl_easy_setopt(handle(), CURLOPT_URL, part(CURLUPART_URL, 0).c_str());
}

void OtlpHttpRequest::add_header(std::string_view name, std::string_view value) {
  // libcurl: "Name:" removes a header of its own, "Name;" stands for one without a value.
  const bool remove = name == "Expect";
  const std::string line =
      value.empty() && !remove ? fmt::format("{};", name) : fmt::format("{}: {}", name, value);
  headers_.reset(curl_slist_append(headers_.release(), line.c_str()));
}

std::size_t OtlpHttpRequest::on_body(std::string_view bytes) {
  body_bytes_ += bytes.size();
  const std::size_t room = kMaxKeptBytes - std::min(kMaxKeptBytes, answer_.body.size());
  answer_.body += bytes.substr(0, room);
  return body_bytes_ > kMaxBodyBytes ? 0 : bytes.size();  // 0 ends the transfer
}

void OtlpHttpRequest::on_header(std::string_view line) {
  constexpr std::string_view kRetryAfter = "retry-after:";
  if (line.size() < kRetryAfter.size()) return;
  const bool is_it =
      std::ranges::equal(line.substr(0, kRetryAfter.size()), kRetryAfter,
                         [](unsigned char a, unsigned char b) { return std::tolower(a) == b; });
  if (!is_it) return;
  line.remove_prefix(kRetryAfter.size());
  const std::size_t first = line.find_first_not_of(" \t\r\n");
  const std::size_t last = line.find_last_not_of(" \t\r\n");
  answer_.retry_after =
      first == std::string_view::npos ? "" : std::string(line.substr(first, last - first + 1));
}

SendOutcome OtlpHttpRequest::outcome(CURLcode result, std::int64_t now_unix_s) {
  curl_easy_getinfo(handle(), CURLINFO_RESPONSE_CODE, &answer_.status);
  const char* content_type = nullptr;
  curl_easy_getinfo(handle(), CURLINFO_CONTENT_TYPE, &content_type);
  answer_.content_type = content_type == nullptr ? "" : content_type;
  const bool cut_off = result == CURLE_WRITE_ERROR && body_bytes_ > kMaxBodyBytes;
  if ((result == CURLE_OK || cut_off) && answer_.status != 0) {
    return judge_http_answer(answer_, now_unix_s);
  }
  const char* detail = error_text_[0] == '\0' ? "" : error_text_.data();
  return {.kind = SendOutcome::Kind::kRetryable,
          .message = fmt::format("{}: {}{}{}", url_, curl_easy_strerror(result),
                                 *detail == '\0' ? "" : ": ", detail)};
}

}  // namespace kernspan
