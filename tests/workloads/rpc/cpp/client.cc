// The workload's client with gRPC C++'s callback API: calls in flight share the library's threads.
//
//   rpc_client PORT CHANNELS CONCURRENCY
//
// Reads a line per call and prints one when it is over; rpc.py says what is in them. A generic stub makes
// every kind of call: to the library a unary call is a stream that carries one message each way.
#include <grpcpp/alarm.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <mutex>
#include <semaphore>
#include <sstream>
#include <string>
#include <vector>

#include "truth.pb.h"

namespace {

using kernspan::tests::Answer;
using kernspan::tests::Call;
using Stub = grpc::TemplatedGenericStub<Call, Answer>;

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::chrono::system_clock::time_point in_ms(int delay_ms) {
  return std::chrono::system_clock::now() + std::chrono::milliseconds(delay_ms);
}

struct Order {
  std::string id;
  std::string method;
  int messages = 0;
  int answers = 0;
  int payload_bytes = 0;
  int status = 0;
  int delay_ms = 0;
  int deadline_ms = 0;
  int cancel_ms = 0;
  std::string traceparent;
};

std::istream& operator>>(std::istream& input, Order& order) {
  return input >> order.id >> order.method >> order.messages >> order.answers >>
         order.payload_bytes >> order.status >> order.delay_ms >> order.deadline_ms >>
         order.cancel_ms >> order.traceparent;
}

class Slots {
 public:
  explicit Slots(int count) : count_(count), free_(count) {}
  void take() { free_.acquire(); }
  void give() { free_.release(); }
  void take_all() {
    for (int number = 0; number < count_; ++number) take();
  }

 private:
  int count_;
  std::counting_semaphore<> free_;
};

// One call. Deletes itself when it is over.
class RunningCall final : public grpc::ClientBidiReactor<Call, Answer> {
 public:
  RunningCall(const Order& order, Stub& stub, Slots& slots) : order_(order), slots_(slots) {
    call_.set_id(order.id);
    call_.set_answers(order.answers);
    call_.set_status(order.status);
    call_.set_delay_ms(order.delay_ms);
    call_.set_payload(std::string(static_cast<std::size_t>(order.payload_bytes), 'x'));
    if (order.traceparent != "-") context_.AddMetadata("traceparent", order.traceparent);
    start_ns_ = now_ns();
    if (order.deadline_ms > 0) context_.set_deadline(in_ms(order.deadline_ms));
    stub.PrepareBidiStreamingCall(&context_, "/kernspan.tests.Truth/" + order.method,
                                  grpc::StubOptions(), this);
    StartRead(&answer_);
    write_next();
    if (order.cancel_ms > 0) {
      AddHold();
      alarm_.Set(in_ms(order.cancel_ms), [this](bool) {
        context_.TryCancel();
        RemoveHold();
      });
    }
    StartCall();
  }

 private:
  void write_next() {
    if (++written_ < order_.messages) {
      StartWrite(&call_);
    } else {
      StartWriteLast(&call_, grpc::WriteOptions());
    }
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return;
    const std::lock_guard lock(mutex_);
    ++sent_;
    write_if_due();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    StartRead(&answer_);
    const std::lock_guard lock(mutex_);
    ++received_;
    write_if_due();
  }

  // The answer to a message may be here before the library says that the message is gone.
  void write_if_due() {
    const bool is_due = order_.method == "Collect" || received_ == written_;
    if (is_due && sent_ == written_ && written_ < order_.messages) write_next();
  }

  void OnDone(const grpc::Status& status) override {
    std::ostringstream line;
    line << order_.id << ' ' << static_cast<int>(status.error_code()) << ' ' << start_ns_ << ' '
         << now_ns() << ' ' << sent_ << ' ' << received_ << '\n';
    const std::string text = line.str();
    if (::write(STDOUT_FILENO, text.data(), text.size()) < 0) std::abort();
    Slots& slots = slots_;
    delete this;
    slots.give();
  }

  Order order_;
  Slots& slots_;
  std::int64_t start_ns_ = 0;
  grpc::ClientContext context_;
  grpc::Alarm alarm_;
  Call call_;
  Answer answer_;
  std::mutex mutex_;  // a read and a write may end at the same time
  int written_ = 0;
  int sent_ = 0;
  int received_ = 0;
};

std::vector<Stub> make_stubs(const std::string& port, int channels) {
  grpc::ChannelArguments arguments;
  arguments.SetInt("grpc.use_local_subchannel_pool", 1);  // a connection for each channel
  arguments.SetMaxReceiveMessageSize(-1);
  std::vector<Stub> stubs;
  for (int number = 0; number < channels; ++number) {
    stubs.emplace_back(grpc::CreateCustomChannel("127.0.0.1:" + port,
                                                 grpc::InsecureChannelCredentials(), arguments));
  }
  return stubs;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  std::vector<Stub> stubs = make_stubs(argv[1], std::atoi(argv[2]));
  Slots slots(std::atoi(argv[3]));
  std::size_t next_stub = 0;
  for (Order order; std::cin >> order;) {
    slots.take();
    new RunningCall(order, stubs[next_stub++ % stubs.size()], slots);
  }
  slots.take_all();
  return 0;
}
