// The workload's server with gRPC C++'s synchronous API: a thread per call.
//
//   rpc_server PORT [NEXT_PORT]
//
// Prints a line per call that it has handled: id, method, status, start and end (Unix time, ns), messages
// received and sent. Calls without an id leave no line: a benchmark's.
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>

#include "truth.grpc.pb.h"

namespace {

using kernspan::tests::Answer;
using kernspan::tests::Call;
using kernspan::tests::Truth;

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// What one handler did; the line is written by the time the status is sent.
class Record {
 public:
  explicit Record(std::string_view method) : method_(method), start_ns_(now_ns()) {}

  void received(const Call& call) {
    call_ = call;
    ++received_;
  }
  bool send_to(grpc::internal::WriterInterface<Answer>* stream) {
    const bool sent = stream->Write(answer(), grpc::WriteOptions());
    sent_ += sent ? 1 : 0;
    return sent;
  }
  Answer answer() const {
    std::this_thread::sleep_for(std::chrono::milliseconds(call_.delay_ms()));
    Answer answer;
    answer.set_id(call_.id());
    *answer.mutable_payload() = call_.payload();
    return answer;
  }
  grpc::Status end() {
    return end(call_.status() == 0
                   ? grpc::Status::OK
                   : grpc::Status(static_cast<grpc::StatusCode>(call_.status()), "as asked for"));
  }
  grpc::Status end_with(Answer* response) {
    *response = answer();
    sent_ += call_.status() == 0 ? 1 : 0;
    return end();
  }
  grpc::Status end(const grpc::Status& status) {
    if (call_.id().empty()) return status;
    std::ostringstream line;
    line << call_.id() << ' ' << method_ << ' ' << static_cast<int>(status.error_code()) << ' '
         << start_ns_ << ' ' << now_ns() << ' ' << received_ << ' ' << sent_ << '\n';
    const std::string text = line.str();
    if (::write(STDOUT_FILENO, text.data(), text.size()) < 0) std::abort();
    return status;
  }
  void count_sent() { ++sent_; }
  const Call& call() const { return call_; }

 private:
  std::string_view method_;
  std::int64_t start_ns_;
  Call call_;
  int received_ = 0;
  int sent_ = 0;
};

class TruthService final : public Truth::Service {
 public:
  explicit TruthService(std::unique_ptr<Truth::Stub> next) : next_(std::move(next)) {}

 private:
  grpc::Status Unary(grpc::ServerContext*, const Call* call, Answer* response) override {
    Record record("Unary");
    record.received(*call);
    return record.end_with(response);
  }

  grpc::Status Collect(grpc::ServerContext*, grpc::ServerReader<Call>* stream,
                       Answer* response) override {
    Record record("Collect");
    Call call;
    while (stream->Read(&call)) record.received(call);
    return record.end_with(response);
  }

  grpc::Status Expand(grpc::ServerContext*, const Call* call,
                      grpc::ServerWriter<Answer>* stream) override {
    Record record("Expand");
    record.received(*call);
    for (int number = 0; number < call->answers(); ++number) {
      if (!record.send_to(stream)) break;
    }
    return record.end();
  }

  grpc::Status Converse(grpc::ServerContext*,
                        grpc::ServerReaderWriter<Answer, Call>* stream) override {
    Record record("Converse");
    Call call;
    while (stream->Read(&call)) {
      record.received(call);
      if (!record.send_to(stream)) break;
    }
    return record.end();
  }

  grpc::Status Forward(grpc::ServerContext*, const Call* call, Answer* response) override {
    Record record("Forward");
    record.received(*call);
    if (!next_) return record.end({grpc::StatusCode::UNAVAILABLE, "no next server"});
    grpc::ClientContext context;
    const grpc::Status status = next_->Unary(&context, *call, response);
    if (status.ok()) record.count_sent();
    return record.end(status);
  }

  std::unique_ptr<Truth::Stub> next_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  std::unique_ptr<Truth::Stub> next;
  if (argc > 2) {
    next = Truth::NewStub(grpc::CreateChannel(std::string("127.0.0.1:") + argv[2],
                                              grpc::InsecureChannelCredentials()));
  }
  TruthService service(std::move(next));
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(-1);
  builder.AddListeningPort(std::string("127.0.0.1:") + argv[1], grpc::InsecureServerCredentials());
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (!server) return 1;
  std::cout << "ready" << std::endl;
  int signal = 0;
  sigwait(&signals, &signal);
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  return 0;
}
