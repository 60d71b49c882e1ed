#include "agent/receiver/ebpf_receiver.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <random>
#include <system_error>
#include <utility>

#include "agent/probes/capture.h"
#include "agent/probes/recording.h"
#include "agent/receiver/drain_pace.h"
#include "agent/receiver/give_way.h"
#include "pipeline/base/log.h"

namespace kernspan {
namespace {

Linker::RandomId random_ids() {
  std::random_device device;
  std::seed_seq seed{device(), device(), device(), device(),
                     device(), device(), device(), device()};
  return [engine = std::mt19937_64(seed)]() mutable {
    std::uint64_t id;
    do id = engine();
    while (id == 0);
    return id;
  };
}

void log_probes(const probes::ProbeReport& report) {
  for (const probes::GroupReport& group : report.groups) {
    if (const probes::VariantReport* chosen = group.chosen()) {
      log_info("ebpf: {}: {}", group.name, chosen->name);
    } else if (!group.is_left_out) {
      log_warn("ebpf: {} ({}) could not be attached; --probe-report says why", group.name,
               group.purpose);
    }
  }
  for (const std::string& line : probes::missing_privileges(report.privileges, false)) {
    log_warn("ebpf: {}", line);
  }
}

}  // namespace

EbpfReceiver::EbpfReceiver(EbpfConfig config, const ComponentContext& context, Consumer& next)
    : config_(std::move(config)),
      clock_(context.clock),
      metrics_(context.metrics),
      next_(next),
      telemetry_(context),
      budget_(config_.overhead_budget) {}

EbpfReceiver::~EbpfReceiver() {
  stop(std::chrono::steady_clock::now());
}

Result<std::unique_ptr<Receiver>> EbpfReceiver::create(const ConfigNode& node,
                                                       const ComponentContext& context,
                                                       Consumer& next) {
  Result<EbpfConfig> config = EbpfConfig::read(node, context.warnings, context.path);
  if (!config) return std::unexpected(config.error());
  return std::unique_ptr<Receiver>(new EbpfReceiver(std::move(*config), context, next));
}

Status EbpfReceiver::find_network_namespaces() {
  for (const std::string& path : config_.network_namespaces) {
    const auto found = process::network_namespace(path);
    if (!found) {
      return permanent(fmt::format("ebpf: network_namespaces: {}: {}", path,
                                   std::generic_category().message(found.error())));
    }
    config_.tracer.policy.network_namespaces.push_back(*found);
  }
  return {};
}

Status EbpfReceiver::start() {
  if (Status found = find_network_namespaces(); !found) return found;
  if (Status read = read_selectors_file(); !read) return read;
  probes::CaptureSettings settings;
  settings.ring_bytes = config_.ring_buffer_bytes;
  settings.variant = config_.capture_variant;
  settings.grpc_go = config_.uprobes_grpc_go;
  settings.grpc_core = config_.uprobes_grpc_core;
  settings.log = [](std::string_view line) { log_debug("libbpf: {}", line); };
  Result<std::unique_ptr<probes::Capture>> capture = probes::Capture::create(settings);
  if (!capture) return std::unexpected(capture.error());
  source_ = std::move(*capture);
  log_probes(source_->report());
  if (budget_.is_limited() && !source_->measure_run_time()) {
    log_warn("ebpf: the kernel does not measure run times for us: the probes' cost is estimated");
  }
  const process::HostInfo host = process::read_host_info();
  config_.tracer.resources.pods = config_.kubernetes.attributes;
  config_.tracer.resources.pods.node_name = node_name(kube::system_sources());
  processes_ = std::make_unique<process::ProcessTable>(process::ProcessTable::Settings{}, host,
                                                       [this] { return clock_.monotonic_ns(); });
  processes_->learn_cgroups();
  tracer_ = std::make_unique<Tracer>(config_.tracer, *processes_, host, random_ids(),
                                     [this](std::uint32_t tgid, bool ignore) {
                                       if (ignore) {
                                         source_->ignore_process(tgid);
                                       } else {
                                         source_->forget_process(tgid);
                                       }
                                     });
  if (config_.kubernetes.enabled) {
    if (Status asked = ask_kubelet(host.name); !asked) return asked;
  }
  watch_grpc_go();
  watch_grpc_core();
  dispatch_ = std::make_unique<RecordDispatch>(*tracer_);
  if (!config_.record_file.empty()) {
    Result<std::unique_ptr<probes::Recorder>> recorder =
        probes::Recorder::create(config_.record_file, *dispatch_);
    if (!recorder) return std::unexpected(recorder.error());
    recorder_ = std::move(*recorder);
  }
  thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
  return {};
}

Status EbpfReceiver::read_selectors_file() {
  if (config_.selectors_file.empty()) return {};
  selectors_file_ = std::make_unique<SelectorsFile>(
      SelectorsFile::Settings{.path = config_.selectors_file, .defaults = config_.http});
  Result<std::shared_ptr<const Selectors>> first = selectors_file_->start();
  if (!first) return permanent("ebpf: selectors_file: " + first.error().message);
  config_.tracer.selectors = *std::move(first);
  config_.keep_annotations_for(*config_.tracer.selectors);
  return {};
}

Status EbpfReceiver::ask_kubelet(const std::string& host_name) {
  pods_ = std::make_unique<kube::PodDirectory>(config_.kubernetes.directory,
                                               [this] { return clock_.monotonic_ns(); });
  kube::KubeletSettings settings = config_.kubernetes.kubelet;
  settings.access = kubelet_access(config_.kubernetes, kube::system_sources(), host_name);
  kubelet_ = std::make_unique<kube::KubeletClient>(std::move(settings), *pods_, clock_);
  enrichment_ = std::make_unique<PodEnrichment>(config_.kubernetes.enrichment, *pods_,
                                                [this] { return kubelet_->state(); });
  tracer_->enrich_with(*enrichment_);
  if (Status followed = follow_services(); !followed) return followed;
  if (config_.kubernetes.peers) {
    peer_names_ =
        std::make_unique<PeerNames>(*pods_, config_.kubernetes.attributes, services_.get());
    tracer_->name_peers(*peer_names_);
  }
  kubelet_->start();
  return {};
}

Status EbpfReceiver::follow_services() {
  const ServicesConfig& config = config_.kubernetes.services;
  if (!config.enabled) return {};
  const auto access = services_access(config, kube::system_sources());
  if (!access) return permanent("ebpf: kubernetes::services: " + access.error().message);
  services_ = std::make_unique<kube::ServiceDirectory>(config.directory);
  service_watch_ = std::make_unique<kube::ServiceWatch>(
      kube::ServiceWatch::Settings{.endpoints = config.endpoints}, *access, *services_, metrics_);
  service_watch_->start();
  return {};
}

void EbpfReceiver::watch_grpc_go() {
  golang::ProbeAttacher* attacher = source_->grpc_go();
  if (!attacher) return;
  golang::GrpcGoWatch::Settings settings;
  settings.executables.is_traced = [policy = config_.tracer.policy](std::string_view name) {
    return policy.traces(name);
  };
  grpc_go_ = std::make_unique<golang::GrpcGoWatch>(
      std::move(settings), *attacher, [](std::string_view line) { log_info("ebpf: {}", line); });
  tracer_->watch_go_processes([this](std::uint32_t tgid, bool seen) {
    if (seen) {
      grpc_go_->process_seen(tgid);
    } else {
      grpc_go_->process_gone(tgid);
    }
  });
}

void EbpfReceiver::watch_grpc_core() {
  grpc_core::ProbeAttacher* attacher = source_->grpc_core();
  if (!attacher) return;
  grpc_core::OldProcessWatch::Settings settings;
  settings.processes.is_traced = [policy = config_.tracer.policy](std::string_view name) {
    return policy.traces(name);
  };
  grpc_core_ = std::make_unique<grpc_core::OldProcessWatch>(
      std::move(settings), *attacher, [](std::string_view line) { log_info("ebpf: {}", line); });
}

void EbpfReceiver::run(std::stop_token stop) {
  if (const Status given = give_way(); !given) {
    log_warn("ebpf: the thread that reads the ring stays in its scheduling class: {}",
             given.error().message);
  }
  std::mutex mutex;
  std::condition_variable_any wake;
  DrainPace pace(config_.drain_interval);
  std::chrono::nanoseconds unpassed{0};  // the waits since spans were last passed on
  while (!stop.stop_requested()) {
    const bool pass = unpassed >= config_.drain_interval;
    if (pass) unpassed = {};
    const std::chrono::nanoseconds wait = pace.next(turn(pass));
    unpassed += wait;
    std::unique_lock lock(mutex);
    wake.wait_for(lock, stop, wait, [] { return false; });
  }
}

std::size_t EbpfReceiver::turn(bool pass) {
  probes::RecordSink& sink = recorder_ ? static_cast<probes::RecordSink&>(*recorder_) : *dispatch_;
  const std::size_t records = source_->drain(sink);
  const std::uint64_t now_ns = clock_.monotonic_ns();
  const auto wall_offset_ns = static_cast<std::int64_t>(clock_.wall_ns() - now_ns);
  tracer_->flush(now_ns, wall_offset_ns, encoder_);
  keep_budget(now_ns);
  if (!pass) return records;
  if (selectors_file_) {
    if (auto changed = selectors_file_->take()) tracer_->change_selectors(std::move(changed));
  }
  publish();
  retry_held();
  if (!encoder_.empty()) pass_on(encoder_.take());
  return records;
}

void EbpfReceiver::keep_budget(std::uint64_t now_ns) {
  constexpr std::uint64_t kReadIntervalNs = 1'000'000'000;
  if (cost_read_ns_ != 0 && now_ns - cost_read_ns_ < kReadIntervalNs) return;
  cost_read_ns_ = now_ns;
  cost_ = read_own_cost(*source_);
  const bool was_whole = budget_.step() == 0;
  const auto step = budget_.update(now_ns, cost_.total_ns());
  if (!step) return;
  source_->set_shed_step(*step);
  if (was_whole) {
    log_warn("ebpf: over the overhead budget ({:.3f} of {} CPUs): following {} of all connections",
             budget_.cpus(), config_.overhead_budget.max_cpus, budget_.probability());
  } else if (*step == 0) {
    log_info("ebpf: within the overhead budget again: following all connections");
  }
}

void EbpfReceiver::publish() {
  telemetry_.publish(
      {.kernel = source_->counters(),
       .dispatch = dispatch_->counters(),
       .tracer = tracer_->counters(),
       .links = tracer_->linker().counters(),
       .processes = processes_->counters(),
       .cgroups = processes_->cgroups().counters(),
       .mispredictions = tracer_->linker().contexts().mispredictions(),
       .content = tracer_->span_writer().counters(),
       .headers = tracer_->header_budget(),
       .guessed_templates = tracer_->span_writer().template_bounds().size(),
       .forgotten_templates = tracer_->span_writer().template_bounds().forgotten(),
       .selectors_file = selectors_file_ ? selectors_file_->counters() : SelectorsFileCounters{},
       .connections = tracer_->connections(),
       .exchanges_held = tracer_->held(),
       .process_count = processes_->size(),
       .resources_known = tracer_->resources(),
       .cgroups_known = processes_->cgroups().size(),
       .grpc_go = grpc_go_ ? grpc_go_->counters() : golang::GrpcGoCounters{},
       .grpc_go_probed = grpc_go_ ? grpc_go_->probed() : 0,
       .kubernetes = kubernetes_snapshot(),
       .grpc_core = grpc_core_ ? grpc_core_->counters() : grpc_core::OldProcessCounters{},
       .grpc_core_probed = grpc_core_ ? grpc_core_->probed() : 0,
       .cost = cost_,
       .cost_cpus = budget_.cpus(),
       .followed_probability = budget_.probability()});
}

std::optional<KubernetesSnapshot> EbpfReceiver::kubernetes_snapshot() const {
  if (!kubelet_) return std::nullopt;
  std::optional<ServicesSnapshot> services;
  if (services_) {
    services = {.cluster_ips = services_->cluster_ips.snapshot(),
                .endpoints = services_->endpoints.snapshot(),
                .follows_endpoints = config_.kubernetes.services.endpoints};
  }
  return KubernetesSnapshot{.kubelet = kubelet_->snapshot(),
                            .enrichment = enrichment_->counters(),
                            .directory = pods_->counters(),
                            .pods = pods_->size(),
                            .pods_max = config_.kubernetes.directory.pods_max,
                            .container_ids = pods_->container_ids(),
                            .containers_remembered = enrichment_->size(),
                            .services = services,
                            .now_ns = clock_.monotonic_ns()};
}

void EbpfReceiver::pass_on(otlp::Batch batch) {
  const std::size_t spans = batch.item_count();
  if (held_.empty()) {
    const Status taken = next_.consume(batch.clone());
    if (taken) return telemetry_.accepted(spans);
    telemetry_.refused(spans);
    if (taken.error().kind == ErrorKind::kPermanent) return telemetry_.dropped(spans);
  }
  if (held_bytes_ + batch.byte_count() > kHeldBytesMax) {
    static LogLimiter limiter(std::chrono::seconds(10));
    if (limiter.admit())
      log_warn("ebpf: the pipeline refuses spans and the buffer is full: dropping");
    return telemetry_.dropped(spans);
  }
  held_bytes_ += batch.byte_count();
  held_.push_back(std::move(batch));
}

void EbpfReceiver::retry_held() {
  while (!held_.empty()) {
    const std::size_t spans = held_.front().item_count();
    const Status taken = next_.consume(held_.front().clone());
    if (!taken && taken.error().kind == ErrorKind::kRetryable) return telemetry_.refused(spans);
    held_bytes_ -= held_.front().byte_count();
    held_.pop_front();
    if (taken) {
      telemetry_.accepted(spans);
    } else {
      telemetry_.dropped(spans);
    }
  }
}

void EbpfReceiver::stop(std::chrono::steady_clock::time_point) {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
  // What the kernel has sent by now is still read; what comes later nobody promised to trace.
  if (grpc_go_) grpc_go_->stop();
  if (grpc_core_) grpc_core_->stop();
  if (selectors_file_) selectors_file_->stop();
  if (kubelet_) kubelet_->stop();
  if (service_watch_) service_watch_->stop();
  source_->detach();
  while (turn(true) > 0) {
  }
  tracer_->finish(clock_.monotonic_ns(), encoder_);
  turn(true);
  for (const otlp::Batch& batch : held_) telemetry_.dropped(batch.item_count());
  held_.clear();
  held_bytes_ = 0;
}

ReceiverFactory ebpf_receiver_factory() {
  return {.type = "ebpf", .create = EbpfReceiver::create};
}

}  // namespace kernspan
