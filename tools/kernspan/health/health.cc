#include "tools/kernspan/health/health.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "pipeline/base/duration.h"
#include "pipeline/base/error.h"

namespace kernspan::tools {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestTimeout = std::chrono::minutes{10};
// Of an answer that is not the extension's, too.
constexpr std::size_t kBodyBytesMax = 4096;

struct Options {
  std::string endpoint = "localhost:13133";
  std::string path;
  std::string timeout = "3s";
  bool ready = false;
};

struct Answer {
  long status = 0;
  std::string body;
};

struct FreeHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};

// What is beyond the bound is read and left out.
std::size_t append(char* data, std::size_t, std::size_t size, void* body) {
  auto& text = *static_cast<std::string*>(body);
  text.append(data, std::min(size, kBodyBytesMax - text.size()));
  return size;
}

std::string url_of(const Options& options) {
  std::string url = options.endpoint;
  if (!url.contains("://")) url.insert(0, "http://");
  while (url.ends_with('/')) url.pop_back();
  if (!options.path.empty()) return url + options.path;
  return url + (options.ready ? "/ready" : "/");
}

Result<Answer> get(const std::string& url, milliseconds timeout) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, FreeHandle> handle(curl_easy_init());
  if (handle == nullptr) return permanent("libcurl cannot be used");
  Answer answer;
  std::array<char, CURL_ERROR_SIZE> reason{};
  CURL* const curl = handle.get();
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason.data());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
  if (const CURLcode code = curl_easy_perform(curl); code != CURLE_OK) {
    return retryable(reason[0] != '\0' ? reason.data() : curl_easy_strerror(code));
  }
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
  return answer;
}

// Printed on terminals: one line, without control characters.
std::string first_line(const std::string& text) {
  std::string line = text.substr(0, text.find_first_of("\r\n"));
  std::erase_if(line, [](unsigned char byte) { return byte < ' ' || byte == 0x7f; });
  return line;
}

int health(const Options& options) {
  const auto timeout = parse_duration(options.timeout);
  if (!timeout || *timeout < milliseconds{1} || *timeout > kLongestTimeout) {
    fmt::print(stderr, "--timeout: \"{}\" is not a duration between 1ms and 10m\n",
               options.timeout);
    return 1;
  }
  if (!options.path.empty() && !options.path.starts_with('/')) {
    fmt::print(stderr, "--path: \"{}\" must begin with a slash\n", options.path);
    return 1;
  }
  const std::string url = url_of(options);
  const Result<Answer> answer = get(url, std::chrono::ceil<milliseconds>(*timeout));
  if (!answer) {
    fmt::print(stderr,
               "GET {}: {}; is the daemon running, with the extension health_check at this "
               "endpoint?\n",
               url, answer.error().message);
    return 1;
  }
  if (answer->status != 200) {
    fmt::print(stderr, "GET {}: {}: {}\n", url, answer->status, first_line(answer->body));
    return 1;
  }
  fmt::print("{}\n", first_line(answer->body));
  return 0;
}

}  // namespace

std::function<int()> declare_health(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("ENDPOINT", options->endpoint, "host:port of the extension health_check")
      ->capture_default_str();
  app.add_flag("--ready", options->ready,
               "Ask whether it takes requests now (/ready), not whether it runs (/)");
  app.add_option("--path", options->path,
                 "Where the extension's path or readiness_path is another");
  app.add_option("--timeout", options->timeout, "How long the answer may take")
      ->capture_default_str();
  app.footer("Exit code 0: it is healthy, or ready. 1: it is not, or does not answer in time.");
  return [options] { return health(*options); };
}

}  // namespace kernspan::tools
