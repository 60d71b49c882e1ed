// As much of a Kubernetes API server as lists and watches need: HTTPS on a free port, lists in
// pages, watches that stream events with resource versions, bookmarks, 410 Gone. Objects are
// whatever the test puts in.
#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/pipeline/certificates.h"

namespace kernspan {

class KubeApiSimulator {
 public:
  KubeApiSimulator();
  KubeApiSimulator(const KubeApiSimulator&) = delete;
  KubeApiSimulator& operator=(const KubeApiSimulator&) = delete;
  ~KubeApiSimulator();

  int port() const { return port_; }
  const Certificates& certificates() const { return certificates_; }
  // A kubeconfig for it, with a token that the server asks for.
  std::string kubeconfig() const { return certificates_.path("kubeconfig"); }
  static constexpr const char* kToken = "the-token";

  // Adds an object, or changes the one of the same namespace and name. `collection`: "/api/v1/pods".
  void put(const std::string& collection, nlohmann::json object);
  void remove(const std::string& collection, const std::string& name);
  // Watchers hear a version and nothing else.
  void bookmark(const std::string& collection);

  // Watches from before now are answered with 410 Gone: at their beginning, or as an event.
  void forget_history(bool tell_running_watches);
  void close_watches();
  void fail_next(int requests, int status);
  void set_page_size(std::size_t objects) { page_size_ = objects; }

  // The targets that were asked for: "/api/v1/pods?limit=250".
  std::vector<std::string> requests() const;
  bool wait_for_requests(const std::string& part, std::size_t count) const;

 private:
  struct Event {
    std::uint64_t version;
    std::string line;
  };
  struct Collection {
    std::map<std::string, nlohmann::json> objects;  // by namespace and name
    std::vector<Event> events;
  };
  struct Connection {
    int fd = -1;
    std::thread thread;
  };

  void accept_connections();
  void serve(int fd);
  bool answer(SSL* ssl, const std::string& target, const std::string& token);
  std::string list(const std::string& path, const std::string& query);
  bool watch(SSL* ssl, const std::string& path, const std::string& query);
  void add_event(Collection& collection, const char* type, nlohmann::json object);

  Certificates certificates_;
  SSL_CTX* context_ = nullptr;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<std::size_t> page_size_ = 250;
  std::atomic<bool> stopping_ = false;

  mutable std::mutex mutex_;  // guards everything below
  mutable std::condition_variable changed_;
  std::map<std::string, Collection> collections_;
  std::uint64_t version_ = 100;
  std::uint64_t oldest_version_ = 0;
  bool tell_of_loss_ = false;
  int watch_generation_ = 0;
  int failures_left_ = 0;
  int failure_status_ = 500;
  std::vector<std::string> requests_;
  std::list<Connection> connections_;
  std::thread acceptor_;
};

}  // namespace kernspan
