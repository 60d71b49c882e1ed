// What the generator, the sink and the relay have in common: gRPC with byte buffers, and none of
// the engine's own receiver and exporter.
#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace kernspan::bench {

// Files in PEM; empty: no TLS.
struct Certificates {
  std::string ca;
  std::string certificate;
  std::string key;

  bool enabled() const { return !ca.empty(); }
};

struct PeerOptions {
  int listen_port = 0;
  int peer_port = 0;
  Certificates certificates;
  bool gzip = false;
  std::size_t spans_per_request = 0;
  std::size_t under_way = 0;
  double seconds = 0;
};

// The roles of this program's child processes. Each prints "ready" when it is, runs until its input
// ends or its time is up, and prints what it counted; the exit code.
int run_sink(const PeerOptions& options);
int run_generator(const PeerOptions& options);
int run_relay(const PeerOptions& options);

std::shared_ptr<grpc::ServerCredentials> server_credentials(const Certificates& certificates);
std::shared_ptr<grpc::Channel> open_channel(const PeerOptions& options);
void wait_for_end_of_input();

// An operation on a completion queue.
class Operation {
 public:
  virtual ~Operation() = default;
  virtual void proceed(bool ok) = 0;
};

// Runs the operations that come out of the queue until it is shut down.
void drive(grpc::CompletionQueue& queue);

// A server for any method: each call is one message, answered by an empty one.
class GenericServer {
 public:
  // A call whose message is there. Answer once.
  class Call {
   public:
    virtual ~Call() = default;
    virtual grpc::ByteBuffer& message() = 0;
    virtual void answer(const grpc::Status& status) = 0;
  };
  using Handler = void (*)(void* self, Call& call);

  GenericServer(int port, const Certificates& certificates, Handler handler, void* self);
  ~GenericServer();
  void start(std::size_t calls);
  // No more calls; drive() returns when all have ended.
  void stop();
  grpc::ServerCompletionQueue& queue() { return *queue_; }

 private:
  class Slot;

  grpc::AsyncGenericService service_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::unique_ptr<Slot>> slots_;
  Handler handler_;
  void* self_;
};

}  // namespace kernspan::bench
