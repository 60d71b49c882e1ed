// Spans per CPU-second of the OTLP path: encoding, indexing, JSON, and a relay (otlp receiver ->
// batch -> otlp exporter) in a process of its own, between a generator and a sink on loopback.
//
//   kernspan_otlp_bench [seconds per relay run]
//
// The span has the size that the upstream collector was measured with: 20 attributes, about 719
// bytes. Only the relay's own CPU time counts for its figure.
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "pipeline/component/config_yaml.h"
#include "pipeline/component/factory.h"
#include "pipeline/exporters/otlp/grpc_transport.h"
#include "pipeline/exporters/otlp/otlp_exporter.h"
#include "pipeline/otlp/json_writer.h"
#include "pipeline/otlp/span_encoder.h"
#include "pipeline/processors/batch/batch_processor.h"
#include "pipeline/receivers/otlp/otlp_receiver.h"

namespace kernspan {
namespace {

constexpr std::size_t kSpansPerRequest = 1000;
constexpr std::chrono::seconds kPatience{30};

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

std::vector<otlp::Attribute> twenty_attributes() {
  static constexpr std::array<std::string_view, 20> kKeys = {"http.request.method",
                                                             "url.path",
                                                             "url.scheme",
                                                             "server.address",
                                                             "client.address",
                                                             "network.peer.address",
                                                             "network.protocol.version",
                                                             "user_agent.original",
                                                             "http.route",
                                                             "error.type",
                                                             "thread.name",
                                                             "code.function",
                                                             "enduser.id",
                                                             "messaging.system",
                                                             "db.system",
                                                             "rpc.service",
                                                             "k8s.pod.name",
                                                             "k8s.namespace.name",
                                                             "container.id",
                                                             "process.executable.name"};
  std::vector<otlp::Attribute> attributes;
  for (const std::string_view key : kKeys) attributes.push_back({key, "a-value-of-12"});
  return attributes;
}

otlp::Batch encode_request(otlp::RequestEncoder& encoder, const std::string& resource,
                           std::span<const otlp::Attribute> attributes, std::uint64_t first_id) {
  encoder.begin_resource(resource);
  otlp::SpanData span;
  span.name = "GET /api/v1/cart";
  span.kind = otlp::SpanKind::kServer;
  span.start_time_unix_ns = 1'700'000'000'000'000'000;
  span.end_time_unix_ns = 1'700'000'000'001'000'000;
  span.attributes = attributes;
  for (std::uint64_t i = 0; i < kSpansPerRequest; ++i) {
    const std::uint64_t id = first_id + i;
    std::memcpy(span.trace_id.bytes.data(), &id, sizeof id);
    std::memcpy(span.span_id.bytes.data(), &id, sizeof id);
    span.parent_span_id = span.span_id;
    encoder.add_span(span);
  }
  return encoder.take();
}

otlp::Batch sample_request() {
  otlp::RequestEncoder encoder;
  const std::vector<otlp::Attribute> attributes = twenty_attributes();
  const otlp::Attribute service{"service.name", "shop"};
  return encode_request(encoder, otlp::encode_resource({&service, 1}), attributes, 1);
}

// Repeats `work`, which handles one request, for about a second of CPU time.
void measure(const char* name, const std::function<void()>& work) {
  const double begin = cpu_seconds();
  std::size_t requests = 0;
  while (cpu_seconds() - begin < 1.0) {
    work();
    ++requests;
  }
  const double spent = cpu_seconds() - begin;
  fmt::print("{:<28} {:>10.0f} spans per CPU-second\n", name,
             static_cast<double>(requests * kSpansPerRequest) / spent);
}

void measure_in_process() {
  otlp::RequestEncoder encoder;
  const std::vector<otlp::Attribute> attributes = twenty_attributes();
  const otlp::Attribute service{"service.name", "shop"};
  const std::string resource = otlp::encode_resource({&service, 1});
  std::uint64_t id = 1;
  measure("encode", [&] { encode_request(encoder, resource, attributes, id += kSpansPerRequest); });
  const otlp::Batch batch = sample_request();
  measure("index (from_wire)", [&] {
    if (!otlp::Batch::from_wire(batch.slices()[0])) std::abort();
  });
  std::string json;
  measure("write JSON", [&] {
    json.clear();
    otlp::append_json(batch, json);
  });
}

// What components stand on in this program.
struct Stage {
  explicit Stage(std::string name) : id(std::move(name)) {}
  ComponentContext context() {
    return {.id = id,
            .path = id,
            .pipeline = "traces",
            .signals = kTracesOnly,
            .extensions = extensions,
            .metrics = metrics,
            .ledger = ledger,
            .books = books,
            .clock = clock,
            .warnings = warnings};
  }
  std::string id;
  Extensions extensions;
  Metrics metrics;
  Ledger ledger;
  StageBooks& books = ledger.add_stage("bench");
  SystemClock clock;
  ConfigWarnings warnings;
};

class Counting final : public Consumer {
 public:
  Status consume(otlp::Batch batch) override {
    spans += batch.item_count();
    return {};
  }
  std::atomic<std::uint64_t> spans{0};
};

// What a child process tells at its end.
struct Report {
  std::uint64_t spans;
  double cpu_seconds;
  long peak_rss_kib;
};

// A process that says which port it listens on, runs until it is told to stop, and reports.
class Child {
 public:
  template <typename Run>
  explicit Child(Run run) {
    if (::pipe(to_child_.data()) != 0 || ::pipe(from_child_.data()) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ != 0) return;
    const auto announce = [&](int port) { send(from_child_[1], port); };
    const auto wait = [&] { receive<char>(to_child_[0]); };
    Report report = run(announce, wait);
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    report.peak_rss_kib = usage.ru_maxrss;
    send(from_child_[1], report);
    std::_Exit(0);
  }

  int port() const { return receive<int>(from_child_[0]); }
  Report stop() {
    send(to_child_[1], 'x');
    const auto report = receive<Report>(from_child_[0]);
    ::waitpid(pid_, nullptr, 0);
    return report;
  }

 private:
  template <typename Value>
  static void send(int fd, Value value) {
    if (::write(fd, &value, sizeof value) != sizeof value) std::abort();
  }
  template <typename Value>
  static Value receive(int fd) {
    Value value{};
    if (::read(fd, &value, sizeof value) != sizeof value) std::abort();
    return value;
  }

  std::array<int, 2> to_child_{};
  std::array<int, 2> from_child_{};
  pid_t pid_ = 0;
};

template <typename T>
T must(Result<T> result) {
  if (!result) {
    fmt::print(stderr, "{}\n", result.error().message);
    std::abort();
  }
  return std::move(*result);
}

ConfigNode settings_of(const std::string& yaml) {
  ConfigWarnings warnings;
  return must(parse_config(yaml, "bench", process_environment(), warnings));
}

auto sink() {
  return [](auto announce, auto wait) {
    Stage stage("sink");
    Counting counting;
    OtlpReceiver receiver(stage.context(),
                          {.endpoint = "127.0.0.1:0", .max_recv_msg_size_bytes = 64U << 20},
                          counting);
    if (!receiver.start()) std::abort();
    announce(receiver.port());
    wait();
    receiver.stop(std::chrono::steady_clock::now() + kPatience);
    return Report{.spans = counting.spans, .cpu_seconds = cpu_seconds(), .peak_rss_kib = 0};
  };
}

auto relay(int sink_port, const char* compression) {
  return [=](auto announce, auto wait) {
    Stage export_stage("otlp");
    Stage batch_stage("batch");
    Stage receive_stage("otlp");
    const auto exporter = must(otlp_exporter_factory().create(
        settings_of(fmt::format("endpoint: 127.0.0.1:{}\ntls: {{insecure: true}}\ncompression: {}\n"
                                "sending_queue: {{queue_size: 20}}",
                                sink_port, compression)),
        export_stage.context()));
    BatchProcessor batch(batch_stage.context(), {}, *exporter);
    OtlpReceiver receiver(receive_stage.context(), {.endpoint = "127.0.0.1:0"}, batch);
    if (!exporter->start() || !batch.start() || !receiver.start()) std::abort();
    announce(receiver.port());
    wait();
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    receiver.stop(deadline);
    batch.stop(deadline);
    exporter->stop(deadline);
    return Report{.spans = export_stage.books.balance().passed_on,
                  .cpu_seconds = cpu_seconds(),
                  .peak_rss_kib = 0};
  };
}

// Keeps a few requests under way until the time is up; refused ones go again.
std::uint64_t generate(int port, std::chrono::seconds duration) {
  constexpr std::size_t kUnderWay = 8;
  OtlpExporterSettings settings;
  settings.endpoint = fmt::format("127.0.0.1:{}", port);
  settings.tls.insecure = true;
  settings.compression = Compression::kNone;
  GrpcTransport transport(settings);
  if (!transport.start()) std::abort();
  const otlp::Batch batch = sample_request();
  std::mutex mutex;
  std::condition_variable ended;
  std::size_t under_way = 0;
  std::uint64_t accepted = 0;
  const auto end = std::chrono::steady_clock::now() + duration;
  std::unique_lock lock(mutex);
  while (std::chrono::steady_clock::now() < end) {
    ended.wait(lock, [&] { return under_way < kUnderWay; });
    ++under_way;
    lock.unlock();
    transport.send(batch, kPatience, [&](const SendOutcome& outcome) {
      const std::scoped_lock guard(mutex);
      if (outcome.kind == SendOutcome::Kind::kSent) accepted += kSpansPerRequest;
      --under_way;
      ended.notify_one();
    });
    lock.lock();
  }
  ended.wait(lock, [&] { return under_way == 0; });
  lock.unlock();
  transport.stop();
  return accepted;
}

// In a child as well: a process that has used gRPC must not fork.
Report generate_in_child(int port, std::chrono::seconds duration) {
  Child generator([=](auto announce, auto wait) {
    announce(0);
    const std::uint64_t accepted = generate(port, duration);
    wait();
    return Report{.spans = accepted, .cpu_seconds = cpu_seconds(), .peak_rss_kib = 0};
  });
  generator.port();
  return generator.stop();
}

void measure_relay(const char* compression, std::chrono::seconds duration) {
  Child sink_process(sink());
  Child relay_process(relay(sink_process.port(), compression));
  const Report generated = generate_in_child(relay_process.port(), duration);
  const Report relayed = relay_process.stop();
  const Report received = sink_process.stop();
  fmt::print(
      "relay, exporter {:<11} {:>10.0f} spans per CPU-second, {:.0f} per second, peak {} MB; {}\n",
      compression, static_cast<double>(relayed.spans) / relayed.cpu_seconds,
      static_cast<double>(relayed.spans) / static_cast<double>(duration.count()),
      relayed.peak_rss_kib / 1024,
      generated.spans == relayed.spans && relayed.spans == received.spans
          ? fmt::format("all {} arrived", received.spans)
          : fmt::format("generated {}, relayed {}, received {}", generated.spans, relayed.spans,
                        received.spans));
}

}  // namespace
}  // namespace kernspan

int main(int argc, char** argv) {
  const std::chrono::seconds duration{argc > 1 ? std::atoi(argv[1]) : 5};
  const kernspan::otlp::Batch sample = kernspan::sample_request();
  fmt::print("{} bytes per span, {} spans per request\n", sample.byte_count() / sample.item_count(),
             sample.item_count());
  std::fflush(stdout);  // before the forks
  kernspan::measure_relay("none", duration);
  std::fflush(stdout);
  kernspan::measure_relay("gzip", duration);
  std::fflush(stdout);
  kernspan::measure_in_process();
  return 0;
}
