#include "pipeline/processors/resource_detection/http_fetch.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>

namespace kernspan {
namespace {

constexpr std::size_t kLargestBodyBytes = 4 << 20;

struct FreeHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

std::size_t append(char* data, std::size_t, std::size_t size, void* body) {
  auto& text = *static_cast<std::string*>(body);
  if (text.size() + size > kLargestBodyBytes) return 0;  // ends the transfer
  text.append(data, size);
  return size;
}

// What does not get better by itself: a wrong address, a certificate that is not trusted.
bool is_permanent(CURLcode code) {
  constexpr std::array kPermanent = {
      CURLE_URL_MALFORMAT,      CURLE_UNSUPPORTED_PROTOCOL, CURLE_PEER_FAILED_VERIFICATION,
      CURLE_SSL_CACERT_BADFILE, CURLE_WRITE_ERROR,          CURLE_OUT_OF_MEMORY};
  return std::ranges::find(kPermanent, code) != kPermanent.end();
}

}  // namespace

Result<std::string> http_fetch(const HttpFetch& fetch) {
  static std::once_flag initialised;
  std::call_once(initialised, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  const std::unique_ptr<CURL, FreeHandle> handle(curl_easy_init());
  if (handle == nullptr) return permanent("libcurl cannot be used");
  std::unique_ptr<curl_slist, FreeList> headers;
  if (!fetch.bearer_token.empty()) {
    headers.reset(
        curl_slist_append(nullptr, ("Authorization: Bearer " + fetch.bearer_token).c_str()));
  }
  std::string body;
  std::array<char, CURL_ERROR_SIZE> reason{};
  CURL* const curl = handle.get();
  curl_easy_setopt(curl, CURLOPT_URL, fetch.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
                   static_cast<long>(std::max<std::int64_t>(fetch.timeout.count(), 1)));
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason.data());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  if (!fetch.unix_socket.empty()) {
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, fetch.unix_socket.c_str());
  }
  if (!fetch.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, fetch.ca_file.c_str());
  const CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK) {
    std::string message = fmt::format("GET {}: {}", fetch.url,
                                      reason[0] != '\0' ? reason.data() : curl_easy_strerror(code));
    return is_permanent(code) ? permanent(std::move(message)) : retryable(std::move(message));
  }
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (status == 200) return body;
  std::string message = fmt::format("GET {}: the answer is {}", fetch.url, status);
  return status >= 500 || status == 429 ? retryable(std::move(message))
                                        : permanent(std::move(message));
}

}  // namespace kernspan
