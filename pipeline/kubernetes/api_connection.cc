#include "pipeline/kubernetes/api_connection.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <fstream>
#include <iterator>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

namespace kernspan::kube {
namespace {

constexpr long kConnectTimeoutMs = 10'000;
constexpr long kKeepaliveSeconds = 30;  // a watch is silent for minutes
constexpr std::size_t kLargestReasonBytes = 4096;
constexpr std::size_t kLargestEtagBytes = 256;

struct FreeHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct FreeMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

struct Transfer {
  CURL* handle;
  const ApiConnection::OnData& on_data;
  std::string error_body = {};
  bool ended_early = false;
  std::string etag = {};
};

std::size_t on_bytes(char* data, std::size_t, std::size_t size, void* argument) {
  auto& transfer = *static_cast<Transfer*>(argument);
  long status = 0;
  curl_easy_getinfo(transfer.handle, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) {
    const std::size_t room = kLargestReasonBytes - transfer.error_body.size();
    transfer.error_body.append(data, std::min(size, room));
    return size;
  }
  if (transfer.on_data({data, size})) return size;
  transfer.ended_early = true;
  return 0;
}

// One line of a head.
std::size_t on_header(char* data, std::size_t, std::size_t size, void* argument) {
  constexpr std::string_view kName = "etag:";
  std::string_view line(data, size);
  const auto is_same = [](char a, char b) { return (a | 0x20) == b || a == b; };
  if (line.size() <= kName.size() || line.size() > kLargestEtagBytes ||
      !std::ranges::equal(line.substr(0, kName.size()), kName, is_same)) {
    return size;
  }
  line.remove_prefix(kName.size());
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = line.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return size;
  static_cast<Transfer*>(argument)->etag =
      line.substr(begin, line.find_last_not_of(kSpace) - begin + 1);
  return size;
}

// Kubernetes answers errors with a Status object.
std::string reason_of(const std::string& body) {
  const nlohmann::json status = nlohmann::json::parse(body, nullptr, false);
  if (status.is_object() && status.contains("message") && status["message"].is_string()) {
    return status["message"].get<std::string>();
  }
  return {};
}

void set_blob(CURL* handle, CURLoption option, const std::string& text) {
  curl_blob blob{
      .data = const_cast<char*>(text.data()), .len = text.size(), .flags = CURL_BLOB_COPY};
  curl_easy_setopt(handle, option, &blob);
}

void set_identity(CURL* handle, const ApiAccess& access) {
  if (!access.ca_pem.empty()) {
    set_blob(handle, CURLOPT_CAINFO_BLOB, access.ca_pem);
  } else if (!access.ca_file.empty()) {
    curl_easy_setopt(handle, CURLOPT_CAINFO, access.ca_file.c_str());
  }
  if (access.skip_verify) {
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (!access.certificate_pem.empty()) {
    set_blob(handle, CURLOPT_SSLCERT_BLOB, access.certificate_pem);
  } else if (!access.certificate_file.empty()) {
    curl_easy_setopt(handle, CURLOPT_SSLCERT, access.certificate_file.c_str());
  }
  if (!access.key_pem.empty()) {
    set_blob(handle, CURLOPT_SSLKEY_BLOB, access.key_pem);
  } else if (!access.key_file.empty()) {
    curl_easy_setopt(handle, CURLOPT_SSLKEY, access.key_file.c_str());
  }
}

std::string token_of(const ApiAccess& access) {
  if (access.token_file.empty()) return access.token;
  std::ifstream file(access.token_file);
  std::string token;
  file >> token;
  return token;
}

}  // namespace

struct ApiConnection::State {
  ApiAccess access;
  std::unique_ptr<CURLM, FreeMulti> multi;
  std::unique_ptr<CURL, FreeHandle> handle;
  std::atomic<bool> interrupted = false;
  bool was_slow = false;

  CURLcode perform() const {
    if (interrupted) return CURLE_ABORTED_BY_CALLBACK;
    curl_multi_add_handle(multi.get(), handle.get());
    CURLcode result = CURLE_ABORTED_BY_CALLBACK;
    int running = 1;
    while (!interrupted) {
      if (curl_multi_perform(multi.get(), &running) != CURLM_OK) break;
      if (running == 0) {
        int left = 0;
        if (const CURLMsg* message = curl_multi_info_read(multi.get(), &left)) {
          result = message->data.result;
        }
        break;
      }
      curl_multi_poll(multi.get(), nullptr, 0, 1000, nullptr);
    }
    curl_multi_remove_handle(multi.get(), handle.get());
    return result;
  }
};

ApiConnection::ApiConnection(ApiAccess access) : state_(std::make_unique<State>()) {
  static std::once_flag initialised;
  std::call_once(initialised, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  state_->access = std::move(access);
  state_->multi.reset(curl_multi_init());
  state_->handle.reset(curl_easy_init());
}

ApiConnection::~ApiConnection() = default;

Result<ApiConnection::Answer> ApiConnection::get(const std::string& target,
                                                 std::chrono::nanoseconds timeout,
                                                 const OnData& on_data, std::string* reason,
                                                 const std::string& etag) {
  CURL* const handle = state_->handle.get();
  if (handle == nullptr || state_->multi == nullptr) return permanent("libcurl cannot be used");
  curl_easy_reset(handle);  // connections stay
  Transfer transfer{.handle = handle, .on_data = on_data};
  std::array<char, CURL_ERROR_SIZE> message{};
  std::unique_ptr<curl_slist, FreeList> headers(
      curl_slist_append(nullptr, "Accept: application/json"));
  if (const std::string token = token_of(state_->access); !token.empty()) {
    const std::string header = "Authorization: Bearer " + token;
    headers.reset(curl_slist_append(headers.release(), header.c_str()));
  }
  if (!etag.empty()) {
    const std::string header = "If-None-Match: " + etag;
    headers.reset(curl_slist_append(headers.release(), header.c_str()));
  }
  const auto limit = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  curl_easy_setopt(handle, CURLOPT_URL, (state_->access.url + target).c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(handle, CURLOPT_ACCEPT_ENCODING, "gzip");
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "kernspan/" KERNSPAN_VERSION);
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS,
                   std::min<long>(kConnectTimeoutMs, std::max<long>(limit, 1)));
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, std::max<long>(limit, 1));
  curl_easy_setopt(handle, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(handle, CURLOPT_TCP_KEEPIDLE, kKeepaliveSeconds);
  curl_easy_setopt(handle, CURLOPT_TCP_KEEPINTVL, kKeepaliveSeconds);
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, message.data());
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_bytes);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
  set_identity(handle, state_->access);
  const CURLcode code = state_->perform();
  curl_off_t connect_us = 0;
  curl_easy_getinfo(handle, CURLINFO_CONNECT_TIME_T, &connect_us);
  state_->was_slow = code == CURLE_OPERATION_TIMEDOUT && connect_us > 0;
  if (code != CURLE_OK && !transfer.ended_early) {
    if (state_->interrupted) return retryable("interrupted");
    return retryable(fmt::format("GET {}: {}", state_->access.url,
                                 message[0] != '\0' ? message.data() : curl_easy_strerror(code)));
  }
  Answer answer{.ended_early = transfer.ended_early, .etag = std::move(transfer.etag)};
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &answer.status);
  if (answer.status != 200 && reason != nullptr) *reason = reason_of(transfer.error_body);
  return answer;
}

bool ApiConnection::was_slow() const {
  return state_->was_slow;
}

void ApiConnection::interrupt() {
  state_->interrupted = true;
  curl_multi_wakeup(state_->multi.get());
}

std::string url_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    if (is_plain) {
      encoded += c;
    } else {
      fmt::format_to(std::back_inserter(encoded), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

}  // namespace kernspan::kube
