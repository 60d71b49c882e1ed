// Keeps up with the objects of one kind: a list, then a watch from where the list ended.
// kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
//
//   list (in pages) --> watch --> closed by the server: watch on from the last version seen
//     ^                  |------> connection lost: the same after a wait
//     '-- 410 Gone ------'        (the server no longer has what happened since)
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <thread>

#include "pipeline/base/error.h"
#include "pipeline/base/metrics.h"
#include "pipeline/kubernetes/api_connection.h"

namespace kernspan::kube {

// Called from the ListWatch's thread.
class WatchHandler {
 public:
  virtual ~WatchHandler() = default;

  // A list begins, also when one was not finished: what does not come before on_list_end() is gone.
  virtual void on_list_begin() = 0;
  // An object of a list, or one that was added or changed. Without metadata.managedFields.
  virtual void on_object(const nlohmann::json& object) = 0;
  virtual void on_deleted(const nlohmann::json& object) = 0;
  virtual void on_list_end() = 0;
  // The API could not be asked; it will be asked again.
  virtual void on_failure(const std::string& /*message*/) {}
};

struct ListWatchSettings {
  std::string owner;       // how messages call the component
  std::string path;        // "/api/v1/pods"
  std::string query = {};  // selectors, encoded: "fieldSelector=spec.nodeName%3Da"
  std::chrono::nanoseconds list_timeout = std::chrono::seconds{30};      // of one page
  std::chrono::nanoseconds watch_timeout = std::chrono::minutes{5};      // up to twice that
  std::chrono::nanoseconds first_wait = std::chrono::milliseconds{800};  // after a failure; doubles
  std::chrono::nanoseconds longest_wait = std::chrono::seconds{30};
};

class ListWatch {
 public:
  // `handler` outlives it, and `metrics` too.
  ListWatch(ListWatchSettings settings, ApiAccess access, WatchHandler& handler, Metrics& metrics);
  ~ListWatch();

  void start();
  // The handler is not called any more when it returns. Idempotent.
  void stop();

 private:
  enum class WatchEnd { kClosed, kExpired, kFailed };

  void run();
  Status list();
  Result<std::string> list_page(const std::string& next);
  WatchEnd watch();
  bool on_line(std::string_view line, WatchEnd* end);
  void on_error(const nlohmann::json& status, WatchEnd* end);
  void fail(const std::string& message);
  void back_off();
  bool stopping() const { return stopping_; }

  const ListWatchSettings settings_;
  WatchHandler& handler_;
  ApiConnection connection_;
  Counter& lists_;
  Counter& watches_;
  Counter& failures_;
  Counter& expired_;
  std::string resource_version_;  // empty: a list is needed
  bool any_event_ = false;        // of this watch
  std::chrono::nanoseconds wait_;

  std::mutex mutex_;
  std::condition_variable stopped_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace kernspan::kube
