#include "tests/bench/engine/grpc_peer.h"

#include <unistd.h>

#include <fstream>
#include <optional>
#include <sstream>

#include "pipeline/otlp/grpc_bytes.h"

namespace kernspan::bench {
namespace {

constexpr int kMaxMessageBytes = 64 << 20;

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

std::shared_ptr<grpc::ServerCredentials> server_credentials(const Certificates& certificates) {
  if (!certificates.enabled()) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back(
      {read_file(certificates.key), read_file(certificates.certificate)});
  return grpc::SslServerCredentials(options);
}

std::shared_ptr<grpc::Channel> open_channel(const PeerOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (options.certificates.enabled()) {
    credentials = grpc::SslCredentials({read_file(options.certificates.ca), "", ""});
    arguments.SetSslTargetNameOverride("localhost");
  }
  return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(options.peer_port), credentials,
                                   arguments);
}

void wait_for_end_of_input() {
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) == 1) continue;
}

void drive(grpc::CompletionQueue& queue) {
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) static_cast<Operation*>(tag)->proceed(ok);
}

class GenericServer::Slot final : public Operation, public GenericServer::Call {
 public:
  explicit Slot(GenericServer& server) : server_(server) { accept(); }

  grpc::ByteBuffer& message() override { return message_; }

  void answer(const grpc::Status& status) override {
    step_ = Step::kFinish;
    stream_->WriteAndFinish(otlp::empty_message(), grpc::WriteOptions(), status, this);
  }

  void proceed(bool ok) override {
    switch (step_) {
      case Step::kAccept:
        if (!ok) return;  // the server stops
        step_ = Step::kRead;
        stream_->Read(&message_, this);
        return;
      case Step::kRead:
        if (ok) return server_.handler_(server_.self_, *this);
        step_ = Step::kFinish;
        return stream_->Finish(grpc::Status::CANCELLED, this);
      case Step::kFinish:
        accept();
        return;
    }
  }

 private:
  enum class Step { kAccept, kRead, kFinish };

  void accept() {
    step_ = Step::kAccept;
    message_.Clear();
    stream_.reset();
    context_.emplace();
    stream_.emplace(&*context_);
    server_.service_.RequestCall(&*context_, &*stream_, server_.queue_.get(), server_.queue_.get(),
                                 static_cast<Operation*>(this));
  }

  GenericServer& server_;
  Step step_ = Step::kAccept;
  std::optional<grpc::GenericServerContext> context_;
  std::optional<grpc::GenericServerAsyncReaderWriter> stream_;
  grpc::ByteBuffer message_;
};

GenericServer::GenericServer(int port, const Certificates& certificates, Handler handler,
                             void* self)
    : handler_(handler), self_(self) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:" + std::to_string(port), server_credentials(certificates));
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.RegisterAsyncGenericService(&service_);
  queue_ = builder.AddCompletionQueue();
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) std::abort();
}

GenericServer::~GenericServer() = default;

void GenericServer::start(std::size_t calls) {
  for (std::size_t i = 0; i < calls; ++i) slots_.push_back(std::make_unique<Slot>(*this));
}

void GenericServer::stop() {
  server_->Shutdown();
  queue_->Shutdown();
}

}  // namespace kernspan::bench
