#include "tests/unit/pipeline/kubernetes/api_simulator.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <utility>

#include "tests/unit/pipeline/component_stage.h"

namespace kernspan {
namespace {

using nlohmann::json;

std::string parameter(const std::string& query, const std::string& name) {
  const std::string all = "&" + query;
  const std::size_t begin = all.find("&" + name + "=");
  if (begin == std::string::npos) return "";
  const std::size_t value = begin + name.size() + 2;
  return all.substr(value, all.find('&', value) - value);
}

bool send_all(SSL* ssl, const std::string& bytes) {
  return SSL_write(ssl, bytes.data(), static_cast<int>(bytes.size())) > 0;
}

bool send_answer(SSL* ssl, int status, const std::string& body) {
  return send_all(ssl, fmt::format("HTTP/1.1 {} -\r\nContent-Type: application/json\r\n"
                                   "Content-Length: {}\r\n\r\n{}",
                                   status, body.size(), body));
}

std::string status_body(int code, const std::string& message) {
  return json{{"kind", "Status"},
              {"apiVersion", "v1"},
              {"status", "Failure"},
              {"message", message},
              {"code", code}}
      .dump();
}

std::string key_of(const json& object) {
  const json& metadata = object.at("metadata");
  return metadata.value("namespace", "") + "/" + metadata.at("name").get<std::string>();
}

}  // namespace

KubeApiSimulator::KubeApiSimulator() {
  signal(SIGPIPE, SIG_IGN);
  certificates_.issue("server");
  context_ = SSL_CTX_new(TLS_server_method());
  EXPECT_EQ(SSL_CTX_use_certificate_chain_file(context_, certificates_.path("server.pem").c_str()),
            1);
  EXPECT_EQ(SSL_CTX_use_PrivateKey_file(context_, certificates_.path("server.key").c_str(),
                                        SSL_FILETYPE_PEM),
            1);
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
  listen(listener_, 16);
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  std::ofstream(kubeconfig()) << fmt::format(
      "apiVersion: v1\nkind: Config\ncurrent-context: here\n"
      "contexts: [{{name: here, context: {{cluster: c, user: u, namespace: tracing}}}}]\n"
      "clusters: [{{name: c, cluster: {{server: 'https://127.0.0.1:{}', certificate-authority: "
      "ca.pem}}}}]\nusers: [{{name: u, user: {{token: {}}}}}]\n",
      port_, kToken);
  acceptor_ = std::thread([this] { accept_connections(); });
}

KubeApiSimulator::~KubeApiSimulator() {
  stopping_ = true;
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  close(listener_);
  {
    const std::scoped_lock lock(mutex_);
    changed_.notify_all();
    for (const Connection& connection : connections_) shutdown(connection.fd, SHUT_RDWR);
  }
  for (Connection& connection : connections_) {
    connection.thread.join();
    close(connection.fd);
  }
  SSL_CTX_free(context_);
}

void KubeApiSimulator::accept_connections() {
  while (!stopping_) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    const std::scoped_lock lock(mutex_);
    connections_.push_back({.fd = fd, .thread = std::thread([this, fd] { serve(fd); })});
  }
}

void KubeApiSimulator::serve(int fd) {
  SSL* const ssl = SSL_new(context_);
  SSL_set_fd(ssl, fd);
  std::string head;
  while (SSL_is_init_finished(ssl) == 1 || SSL_accept(ssl) == 1) {
    std::array<char, 4096> buffer{};
    const int size = SSL_read(ssl, buffer.data(), static_cast<int>(buffer.size()));
    if (size <= 0) break;
    head.append(buffer.data(), static_cast<std::size_t>(size));
    if (!head.ends_with("\r\n\r\n")) continue;
    const std::size_t space = head.find(' ');
    const std::string target = head.substr(space + 1, head.find(' ', space + 1) - space - 1);
    const std::size_t token = head.find("Authorization: Bearer ");
    const std::size_t begin = token == std::string::npos ? head.size() : token + 22;
    if (!answer(ssl, target, head.substr(begin, head.find('\r', begin) - begin))) break;
    head.clear();
  }
  SSL_free(ssl);
  shutdown(fd, SHUT_RDWR);
}

bool KubeApiSimulator::answer(SSL* ssl, const std::string& target, const std::string& token) {
  {
    const std::scoped_lock lock(mutex_);
    requests_.push_back(target);
    changed_.notify_all();
    if (failures_left_ > 0) {
      --failures_left_;
      return send_answer(ssl, failure_status_, status_body(failure_status_, "told to fail"));
    }
  }
  if (token != kToken) return send_answer(ssl, 401, status_body(401, "Unauthorized"));
  const std::size_t mark = target.find('?');
  const std::string path = target.substr(0, mark);
  const std::string query = mark == std::string::npos ? "" : target.substr(mark + 1);
  if (parameter(query, "watch") == "1") return watch(ssl, path, query);
  return send_answer(ssl, 200, list(path, query));
}

std::string KubeApiSimulator::list(const std::string& path, const std::string& query) {
  const std::scoped_lock lock(mutex_);
  json items = json::array();
  const std::string next = parameter(query, "continue");
  const std::size_t first = next.empty() ? 0 : std::stoul(next);
  std::size_t number = 0;
  const auto& objects = collections_[path].objects;
  for (const auto& [key, object] : objects) {
    if (number >= first && number < first + page_size_) items.push_back(object);
    ++number;
  }
  json metadata = {{"resourceVersion", std::to_string(version_)}};
  if (first + page_size_ < number) metadata["continue"] = std::to_string(first + page_size_);
  return json{{"kind", "List"}, {"apiVersion", "v1"}, {"metadata", metadata}, {"items", items}}
      .dump();
}

bool KubeApiSimulator::watch(SSL* ssl, const std::string& path, const std::string& query) {
  std::unique_lock lock(mutex_);
  std::uint64_t seen = std::stoull(parameter(query, "resourceVersion"));
  const int generation = watch_generation_;
  if (seen < oldest_version_) {
    lock.unlock();
    return send_answer(ssl, 410, status_body(410, "too old resource version"));
  }
  lock.unlock();
  if (!send_all(ssl,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                "Transfer-Encoding: chunked\r\n\r\n")) {
    return false;
  }
  lock.lock();
  while (!stopping_ && generation == watch_generation_) {
    std::string lines;
    if (tell_of_loss_ && seen < oldest_version_) {
      lines = json{{"type", "ERROR"},
                   {"object", json::parse(status_body(410, "too old resource version"))}}
                  .dump() +
              "\n";
    } else {
      for (const Event& event : collections_[path].events) {
        if (event.version <= seen) continue;
        lines += event.line;
        seen = event.version;
      }
    }
    if (lines.empty()) {
      changed_.wait(lock);
      continue;
    }
    lock.unlock();
    // In two pieces: an event may come in several.
    const std::size_t half = lines.size() / 2;
    for (const std::string& piece : {lines.substr(0, half), lines.substr(half)}) {
      if (!send_all(ssl, fmt::format("{:x}\r\n{}\r\n", piece.size(), piece))) return false;
    }
    lock.lock();
  }
  return false;  // the connection goes, in the middle of the body
}

void KubeApiSimulator::add_event(Collection& collection, const char* type, json object) {
  object["metadata"]["resourceVersion"] = std::to_string(version_);
  collection.events.push_back(
      {version_, json{{"type", type}, {"object", std::move(object)}}.dump() + "\n"});
  changed_.notify_all();
}

void KubeApiSimulator::put(const std::string& collection, json object) {
  const std::scoped_lock lock(mutex_);
  ++version_;
  object["metadata"]["resourceVersion"] = std::to_string(version_);
  object["metadata"]["managedFields"] = json::array({{{"manager", "kubectl"}}});
  Collection& all = collections_[collection];
  const bool is_new = all.objects.insert_or_assign(key_of(object), object).second;
  add_event(all, is_new ? "ADDED" : "MODIFIED", std::move(object));
}

void KubeApiSimulator::remove(const std::string& collection, const std::string& name) {
  const std::scoped_lock lock(mutex_);
  Collection& all = collections_[collection];
  for (auto each = all.objects.begin(); each != all.objects.end(); ++each) {
    if (each->second.at("metadata").at("name") != name) continue;
    ++version_;
    add_event(all, "DELETED", each->second);
    all.objects.erase(each);
    return;
  }
  ADD_FAILURE() << name << " is not in " << collection;
}

void KubeApiSimulator::bookmark(const std::string& collection) {
  const std::scoped_lock lock(mutex_);
  ++version_;
  add_event(collections_[collection], "BOOKMARK", {{"kind", "Any"}});
}

void KubeApiSimulator::forget_history(bool tell_running_watches) {
  const std::scoped_lock lock(mutex_);
  oldest_version_ = ++version_;
  tell_of_loss_ = tell_running_watches;
  for (auto& [path, collection] : collections_) collection.events.clear();
  changed_.notify_all();
}

void KubeApiSimulator::close_watches() {
  const std::scoped_lock lock(mutex_);
  ++watch_generation_;
  changed_.notify_all();
}

void KubeApiSimulator::fail_next(int requests, int status) {
  const std::scoped_lock lock(mutex_);
  failures_left_ = requests;
  failure_status_ = status;
}

std::vector<std::string> KubeApiSimulator::requests() const {
  const std::scoped_lock lock(mutex_);
  return requests_;
}

bool KubeApiSimulator::wait_for_requests(const std::string& part, std::size_t count) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, [&] {
    std::size_t found = 0;
    for (const std::string& request : requests_) found += request.contains(part) ? 1 : 0;
    return found >= count;
  });
}

}  // namespace kernspan
