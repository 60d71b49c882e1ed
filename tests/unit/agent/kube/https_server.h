// An HTTPS server of real certificates that answers as the test says, one connection after the other.
#pragma once

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "tests/unit/pipeline/certificates.h"

namespace kernspan {

class HttpsServer {
 public:
  // The bytes of the answer to a request's head. Empty: none ever comes.
  using Answer = std::function<std::string(const std::string& head)>;

  HttpsServer(const Certificates& certificates, const std::string& name, Answer answer)
      : answer_(std::move(answer)) {
    signal(SIGPIPE, SIG_IGN);
    context_ = SSL_CTX_new(TLS_server_method());
    const std::string certificate = certificates.path(name + ".pem");
    const std::string key = certificates.path(name + ".key");
    EXPECT_EQ(SSL_CTX_use_certificate_chain_file(context_, certificate.c_str()), 1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey_file(context_, key.c_str(), SSL_FILETYPE_PEM), 1);
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
    listen(listener_, 16);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  HttpsServer(const HttpsServer&) = delete;
  HttpsServer& operator=(const HttpsServer&) = delete;
  ~HttpsServer() {
    stopping_ = true;
    shutdown(listener_, SHUT_RDWR);
    {
      const std::scoped_lock lock(mutex_);
      if (connection_ >= 0) shutdown(connection_, SHUT_RDWR);
    }
    thread_.join();
    close(listener_);
    SSL_CTX_free(context_);
  }

  std::string url() const { return fmt::format("https://127.0.0.1:{}", port_); }

  static std::string response(int status, const std::string& body, const std::string& more = "") {
    return fmt::format("HTTP/1.1 {} -\r\nContent-Length: {}\r\n{}\r\n{}", status, body.size(), more,
                       body);
  }

 private:
  void run() {
    while (!stopping_) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      {
        const std::scoped_lock lock(mutex_);
        connection_ = fd;
        if (stopping_) shutdown(fd, SHUT_RDWR);
      }
      SSL* const ssl = SSL_new(context_);
      SSL_set_fd(ssl, fd);
      if (SSL_accept(ssl) == 1) serve(ssl);
      SSL_free(ssl);
      const std::scoped_lock lock(mutex_);
      connection_ = -1;
      close(fd);
    }
  }

  // An answer that is shorter than its Content-Length ends the connection.
  void serve(SSL* ssl) {
    std::string head;
    while (true) {
      std::array<char, 4096> buffer{};
      const int size = SSL_read(ssl, buffer.data(), static_cast<int>(buffer.size()));
      if (size <= 0) return;
      head.append(buffer.data(), static_cast<std::size_t>(size));
      if (!head.ends_with("\r\n\r\n")) continue;
      const std::string answer = answer_(head);
      head.clear();
      if (answer.empty()) continue;
      if (SSL_write(ssl, answer.data(), static_cast<int>(answer.size())) <= 0) return;
      if (answer.contains("Connection: close")) return;
    }
  }

  const Answer answer_;
  SSL_CTX* context_ = nullptr;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;  // guards connection_
  int connection_ = -1;
  std::thread thread_;
};

}  // namespace kernspan
