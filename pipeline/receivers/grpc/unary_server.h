// A gRPC server of unary methods, with byte buffers: no message class is ever filled.
#pragma once

#include <grpcpp/impl/codegen/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <cstddef>
#include <expected>
#include <memory>
#include <string>

#include "pipeline/base/error.h"
#include "pipeline/component/authentication.h"
#include "pipeline/receivers/grpc/server_settings.h"

namespace kernspan {

// What calls mean. Several threads at once.
class GrpcUnaryService {
 public:
  // Why a call was refused before it came to answer().
  enum class Unread { kUnauthenticated, kNoMessage, kTimeout };

  virtual ~GrpcUnaryService() = default;

  // The number by which answer() is told the method; the error: why it is not served. Asked before
  // the message is read.
  virtual std::expected<int, grpc::Status> find_method(const std::string& path) = 0;
  // `request` as it was sent, perhaps compressed. The reply counts when the status is OK.
  virtual grpc::Status answer(int method, const grpc::ServerContextBase& context,
                              const grpc::ByteBuffer& request, grpc::ByteBuffer* reply) = 0;
  virtual void count(Unread) {}
};

// Answers calls without a good token with UNAUTHENTICATED, those without a message with
// INVALID_ARGUMENT, and those whose message has not come in time with DEADLINE_EXCEEDED.
class GrpcUnaryServer {
 public:
  struct Limits {
    // Calls that are read and answered at a time; more wait inside gRPC, without their messages.
    std::size_t calls = 64;
    unsigned threads = 2;
  };

  // `path` is how messages call the settings; `authenticator` may be null. All outlive the server.
  GrpcUnaryServer(std::string path, GrpcServerSettings settings, Limits limits,
                  const ServerAuthenticator* authenticator, GrpcUnaryService& service);
  ~GrpcUnaryServer();

  // Once.
  Status listen();
  // Refuses new calls, lets those in progress end until the deadline, then cancels them. Waits for
  // answers that are being made. Idempotent.
  void stop(std::chrono::steady_clock::time_point deadline);
  // The port that is listened on: for endpoints with port 0.
  int port() const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace kernspan
