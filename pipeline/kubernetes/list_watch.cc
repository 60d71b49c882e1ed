#include "pipeline/kubernetes/list_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "pipeline/base/log.h"

namespace kernspan::kube {
namespace {

using nlohmann::json;
using std::chrono::nanoseconds;

// A page of pods is then 2 to 5 MB of text.
constexpr int kObjectsPerPage = 250;
constexpr std::size_t kLargestPageBytes = 64 << 20;
// etcd takes objects of up to 1.5 MiB.
constexpr std::size_t kLargestEventBytes = 4 << 20;

// What is a third of each object and of no use to anybody here is not even kept while parsing.
json parse_object(std::string_view text) {
  const auto keep = [](int, json::parse_event_t event, json& parsed) {
    return event != json::parse_event_t::key || parsed != json("managedFields");
  };
  return json::parse(text, keep, false);
}

std::string text_at(const json& object, const char* pointer) {
  const json::json_pointer path(pointer);
  if (!object.is_object() || !object.contains(path) || !object.at(path).is_string()) return {};
  return object.at(path).get<std::string>();
}

double random_fraction() {
  static thread_local std::mt19937_64 engine(std::random_device{}());
  return std::uniform_real_distribution<double>(0, 1)(engine);
}

}  // namespace

ListWatch::ListWatch(ListWatchSettings settings, ApiAccess access, WatchHandler& handler,
                     Metrics& metrics)
    : settings_(std::move(settings)),
      handler_(handler),
      connection_(std::move(access)),
      lists_(metrics.counter("kernspan_kubernetes_lists", "Lists taken from the Kubernetes API.",
                             {{"path", settings_.path}})),
      watches_(metrics.counter("kernspan_kubernetes_watches",
                               "Watches of the Kubernetes API that were begun.",
                               {{"path", settings_.path}})),
      failures_(metrics.counter("kernspan_kubernetes_failures",
                                "Requests to the Kubernetes API that failed.",
                                {{"path", settings_.path}})),
      expired_(metrics.counter("kernspan_kubernetes_expired",
                               "Watches that the Kubernetes API could not go on with (410 Gone).",
                               {{"path", settings_.path}})),
      wait_(settings_.first_wait) {}

ListWatch::~ListWatch() {
  stop();
}

void ListWatch::start() {
  thread_ = std::thread([this] { run(); });
}

void ListWatch::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_all();
  connection_.interrupt();
  if (thread_.joinable()) thread_.join();
}

void ListWatch::run() {
  while (!stopping()) {
    if (resource_version_.empty()) {
      if (const Status listed = list(); !listed) {
        fail(listed.error().message);
        back_off();
        continue;
      }
    }
    any_event_ = false;
    const auto began = std::chrono::steady_clock::now();
    const WatchEnd end = watch();
    if (end == WatchEnd::kExpired) {
      expired_.add();
      resource_version_.clear();
    }
    // A server that ends watches at once, again and again, is not asked again at once.
    const bool was_useful =
        any_event_ || std::chrono::steady_clock::now() - began >= settings_.longest_wait;
    if (was_useful) wait_ = settings_.first_wait;
    if (end != WatchEnd::kClosed || !was_useful) back_off();
  }
}

Status ListWatch::list() {
  handler_.on_list_begin();
  std::string next;
  do {
    Result<std::string> page = list_page(next);
    if (!page) return std::unexpected(page.error());
    next = *std::move(page);
  } while (!next.empty());
  handler_.on_list_end();
  lists_.add();
  return {};
}

// The token of the next page; empty behind the last one.
Result<std::string> ListWatch::list_page(const std::string& next) {
  std::string target = fmt::format("{}?limit={}", settings_.path, kObjectsPerPage);
  if (!settings_.query.empty()) target += "&" + settings_.query;
  if (!next.empty()) target += "&continue=" + url_encoded(next);
  std::string body;
  std::string reason;
  const auto answer = connection_.get(
      target, settings_.list_timeout,
      [&](std::string_view piece) {
        body += piece;
        return body.size() <= kLargestPageBytes;
      },
      &reason);
  if (!answer) return std::unexpected(answer.error());
  if (answer->ended_early) return retryable("a page of the list is larger than 64 MiB");
  if (answer->status != 200) {
    return retryable(
        fmt::format("{} is answered with {}: {}", settings_.path, answer->status, reason));
  }
  const json list = parse_object(body);
  const std::string version = text_at(list, "/metadata/resourceVersion");
  if (version.empty() || !list.contains("items")) {
    return retryable(settings_.path + " is not answered with a list");
  }
  if (list["items"].is_array()) {  // null when there are none
    for (const json& item : list["items"]) handler_.on_object(item);
  }
  std::string token = text_at(list, "/metadata/continue");
  if (token.empty()) resource_version_ = version;
  return token;
}

ListWatch::WatchEnd ListWatch::watch() {
  const auto timeout = nanoseconds(static_cast<nanoseconds::rep>(
      static_cast<double>(settings_.watch_timeout.count()) * (1 + random_fraction())));
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(timeout);
  std::string target =
      fmt::format("{}?watch=1&allowWatchBookmarks=true&resourceVersion={}&timeoutSeconds={}",
                  settings_.path, url_encoded(resource_version_), seconds.count());
  if (!settings_.query.empty()) target += "&" + settings_.query;
  watches_.add();
  WatchEnd end = WatchEnd::kClosed;
  std::string line;
  std::string reason;
  const auto on_data = [&](std::string_view piece) {
    while (!piece.empty()) {
      const std::size_t size = piece.find('\n');
      line += piece.substr(0, size);
      if (line.size() > kLargestEventBytes) {
        end = WatchEnd::kExpired;  // what it was is not known: a list will tell
        return false;
      }
      if (size == std::string_view::npos) return true;
      piece.remove_prefix(size + 1);
      if (!on_line(line, &end)) return false;
      line.clear();
    }
    return !stopping();
  };
  const auto answer = connection_.get(target, seconds + std::chrono::seconds(30), on_data, &reason);
  if (stopping()) return WatchEnd::kClosed;
  if (!answer) {
    fail(answer.error().message);
    return WatchEnd::kFailed;
  }
  if (answer->status == 410) return WatchEnd::kExpired;
  if (answer->status != 200) {
    fail(fmt::format("a watch of {} is answered with {}: {}", settings_.path, answer->status,
                     reason));
    return WatchEnd::kFailed;
  }
  return end;
}

// One event: {"type": "ADDED", "object": {...}}. False ends the watch.
bool ListWatch::on_line(std::string_view line, WatchEnd* end) {
  if (line.empty()) return true;
  const json event = parse_object(line);
  const std::string type = text_at(event, "/type");
  if (type.empty() || !event.contains("object")) {
    fail("a watch of " + settings_.path + " has an event that is none");
    *end = WatchEnd::kExpired;
    return false;
  }
  const json& object = event["object"];
  if (type == "ERROR") {
    on_error(object, end);
    return false;
  }
  any_event_ = true;
  if (type == "DELETED") {
    handler_.on_deleted(object);
  } else if (type == "ADDED" || type == "MODIFIED") {
    handler_.on_object(object);
  }
  // A BOOKMARK is only this.
  if (std::string version = text_at(object, "/metadata/resourceVersion"); !version.empty()) {
    resource_version_ = std::move(version);
  }
  return true;
}

void ListWatch::on_error(const json& status, WatchEnd* end) {
  *end = WatchEnd::kExpired;
  const bool is_gone = status.is_object() && status.contains("code") && status["code"] == 410;
  if (!is_gone) fail("a watch of " + settings_.path + " ended: " + text_at(status, "/message"));
}

void ListWatch::fail(const std::string& message) {
  if (stopping()) return;
  failures_.add();
  handler_.on_failure(message);
  KERNSPAN_LOG_LIMITED(kWarn, "{}: the Kubernetes API: {}; will try again", settings_.owner,
                       message);
}

void ListWatch::back_off() {
  // Between one half and the whole of it: agents that lost one server do not come back together.
  const auto wait = nanoseconds(static_cast<nanoseconds::rep>(static_cast<double>(wait_.count()) *
                                                              (0.5 + random_fraction() / 2)));
  wait_ = std::min(wait_ * 2, settings_.longest_wait);
  std::unique_lock lock(mutex_);
  stopped_.wait_for(lock, wait, [&] { return stopping(); });
}

}  // namespace kernspan::kube
