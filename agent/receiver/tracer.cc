#include "agent/receiver/tracer.h"

#include <algorithm>
#include <utility>

#include "agent/conn/shared_method.h"
#include "agent/receiver/encoded_resource.h"
#include "pipeline/base/prefetch.h"

namespace kernspan {
namespace {

constexpr std::uint64_t kSweepIntervalNs = 1'000'000'000;
// Encoded resources that are kept, about 1,500 bytes each; beyond that all are made anew. Those of
// short-lived programs are not used again, and the others are made in some microseconds.
constexpr std::size_t kResourcesMax = 4096;
constexpr std::uint64_t kResourceUnusedNs = 10'000'000'000;
// Above this share of the pool nothing waits for confirmation any more.
constexpr std::size_t kPressureNumerator = 1, kPressureDenominator = 2;

// An exchange that has waited for its time has left the caches. While one is written the next ones are fetched:
// first they themselves, then what they point to.
constexpr std::size_t kPrefetchAhead = 4;
constexpr std::size_t kPrefetchContentAhead = 2;

void prefetch_content(const Exchange& exchange) {
  if (exchange.stream) prefetch(*exchange.stream);
  for (const std::string* text : {&exchange.target, &exchange.host, &exchange.user_agent}) {
    __builtin_prefetch(text->data());
  }
}

// Servers that are known to multiplex on each thread, whatever is seen of them.
bool is_event_loop_program(const process::ProcessInfo& info) {
  return info.runtime == process::Runtime::kNodejs || info.executable_name == "nginx" ||
         info.executable_name == "haproxy" || info.executable_name == "envoy";
}

}  // namespace

Tracer::Tracer(TracerSettings settings, process::ProcessTable& processes, process::HostInfo host,
               Linker::RandomId random_id, IgnoreProcess ignore_process)
    : settings_(std::move(settings)),
      processes_(processes),
      host_(std::move(host)),
      ignore_process_(std::move(ignore_process)),
      selector_(settings_.selectors ? settings_.selectors
                                    : std::make_shared<const Selectors>(
                                          settings_.spans, std::vector<SelectorRule>()),
                settings_.find_pod),
      pool_(settings_.exchanges_max),
      linker_(settings_.links, std::move(random_id)),
      environment_{.pool = pool_,
                   .observer = *this,
                   .counters = counters_.connections,
                   .calls = calls_,
                   .header_budget = header_budget_,
                   .headers = selector_.selectors().captured(),
                   .stream_report_interval_ns = settings_.stream_report_interval_ns},
      connections_(environment_, settings_.connections_max) {}

Tracer::Program& Tracer::program_of(std::uint32_t tgid) {
  const auto [place, is_new] = programs_.try_emplace(tgid);
  Program& program = place->second;
  if (!is_new) return program;
  const process::ProcessInfo& info = processes_.find(tgid);
  program.in_policy = settings_.policy.traces(tgid, info.executable_name);
  program.traced = program.in_policy && selector_.captures(info);
  program.is_go = info.runtime == process::Runtime::kGo;
  program.is_event_loop = is_event_loop_program(info);
  if (!program.traced) {
    ignore_process_(tgid, true);
  } else if (pods_) {
    pods_->notice(info.container, now_ns_);
  }
  return program;
}

Caller Tracer::caller_of(const Program& program, std::uint32_t tgid, std::uint32_t tid,
                         std::uint64_t goroutine, std::uint64_t turn) const {
  return {.key = {.tgid = tgid, .id = program.is_go ? goroutine : tid},
          .turn = turn,
          .is_goroutine = program.is_go,
          .is_event_loop = program.is_event_loop};
}

// --- events -----------------------------------------------------------------------------------

void Tracer::on_transfer(const ks_transfer_event& event, std::string_view bytes) {
  ++counters_.records;
  Program& program = program_of(event.tgid);
  if (!program.traced) {
    ++counters_.ignored_process;
    return;
  }
  if (program.is_go && !program.is_watched && (event.flags & KS_HTTP2) && watch_go_process_) {
    program.is_watched = true;
    watch_go_process_(event.tgid, true);
  }
  const Caller caller = caller_of(program, event.tgid, event.tid, event.goroutine, event.turn);
  // If it ends an answer, the connection says so next.
  if (event.flags & KS_EOF) linker_.stranger_read(caller);
  connections_.on_transfer(event, bytes, caller);
}

void Tracer::on_connect(const ks_connect_event& event) {
  ++counters_.records;
  // Of a program that nobody has asked about no request can be open.
  const auto program = programs_.find(event.tgid);
  if (program == programs_.end() || !program->second.traced) return;
  linker_.connecting(event.socket_cookie,
                     caller_of(program->second, event.tgid, event.tid, event.goroutine, event.turn),
                     event.header.ts_ns);
}

void Tracer::on_close(const ks_close_event& event) {
  ++counters_.records;
  connections_.on_close(event);
}

void Tracer::on_exec(const ks_exec_event& event) {
  ++counters_.records;
  forget_program(event.tgid);
  processes_.on_exec(event);
}

void Tracer::on_fork(const ks_fork_event& event) {
  ++counters_.records;
  // Whoever had this number before is gone, and the record of its end was lost.
  forget_program(event.tgid);
  processes_.on_fork(event);
}

void Tracer::on_exit(const ks_exit_event& event) {
  ++counters_.records;
  forget_program(event.tgid);
  processes_.on_exit(event);
}

void Tracer::on_grpc_call(const ks_grpc_call_event& event, std::string_view method) {
  ++counters_.records;
  const Program& program = program_of(event.tgid);
  if (!program.traced) {
    ++counters_.ignored_process;
    return;
  }
  GrpcCall call{.connection = event.socket_cookie,
                .stream = event.stream,
                .role = event.role == KS_GRPC_CLIENT ? Role::kClient : Role::kServer,
                .at_ns = event.header.ts_ns,
                .method = std::string(method),
                .caller = {.key = {.tgid = event.tgid, .id = event.goroutine},
                           .is_goroutine = event.goroutine != 0,
                           .goroutine_id = event.goroutine_id,
                           .parent_goroutine_id = event.parent_goroutine_id},
                .attribution = {}};
  // Whom the caller works for is asked now: it may work for somebody else when the call is on the wire.
  if (call.role == Role::kClient && call.caller.is_goroutine)
    call.attribution = linker_.attribution_of(call.caller);
  connections_.on_grpc_call(std::move(call));
}

void Tracer::on_cgroup(const ks_cgroup_event& event, std::string_view path, bool is_cut) {
  ++counters_.records;
  processes_.on_cgroup(event, path, is_cut);
}

void Tracer::on_shed(const ks_shed_event& event) {
  ++counters_.records;
  connections_.on_shed(event.socket_cookie);
  if (program_of(event.tgid).traced) {
    ++counters_.shed_connections;
  } else {
    ++counters_.ignored_process;
  }
}

void Tracer::forget_program(std::uint32_t tgid) {
  const auto program = programs_.find(tgid);
  if (program == programs_.end()) return;
  if (program->second.is_watched) watch_go_process_(tgid, false);
  if (!program->second.traced) ignore_process_(tgid, false);
  programs_.erase(program);
  linker_.process_gone(tgid);
}

// --- exchanges --------------------------------------------------------------------------------

void Tracer::on_request(Exchange& exchange, const Caller& caller, bool first_on_connection) {
  exchange.wall_offset_ns = wall_offset_ns_;
  if (exchange.role == Role::kServer) {
    linker_.request_read(exchange, caller, true);
  } else {
    linker_.call_sent(exchange, caller, first_on_connection);
  }
}

void Tracer::on_request_complete(Exchange& exchange, const Caller& caller) {
  if (exchange.role == Role::kServer) linker_.request_read(exchange, caller, false);
}

void Tracer::on_response_begin(Exchange& exchange, const Caller& caller) {
  if (exchange.role == Role::kServer) {
    linker_.response_begun(exchange, caller);
  } else {
    linker_.answer_read(exchange, caller, false);
  }
}

// What this end has read of a stream makes its context work for it.
void Tracer::on_message(Exchange& exchange, const Caller& caller, bool of_request) {
  if (exchange.role == Role::kServer && of_request) {
    linker_.request_read(exchange, caller, false);
  } else if (exchange.role == Role::kClient && !of_request) {
    linker_.answer_read(exchange, caller, false);
  }
}

void Tracer::on_grpc_call(Exchange& exchange, const GrpcCall& call) {
  // C core encodes and parses on whichever thread holds the connection: it says nothing of who calls or handles.
  if (!call.caller.is_goroutine) return;
  if (exchange.role == Role::kServer) {
    linker_.handled_by(exchange, call.caller);
  } else {
    linker_.called_for(exchange, call.attribution);
  }
}

void Tracer::on_interim(const ExchangePtr& exchange) {
  to_report_.push_back(exchange);
}

void Tracer::on_end(const ExchangePtr& exchange, const Caller* caller) {
  if (exchange->role == Role::kClient && caller) linker_.answer_read(*exchange, *caller, true);
  linker_.ended(*exchange);
  // Due times must ascend: they are counted from the newest end.
  const std::uint64_t end_ns =
      waiting_.empty()
          ? exchange->end_ns
          : std::max(exchange->end_ns, waiting_.back().due_ns - settings_.join_wait_ns);
  waiting_.push_back({.exchange = exchange,
                      .due_ns = end_ns + settings_.join_wait_ns,
                      .until_ns = end_ns + settings_.confirm_wait_ns});
}

// --- spans ------------------------------------------------------------------------------------

void Tracer::flush(std::uint64_t now_ns, std::int64_t wall_offset_ns,
                   otlp::RequestEncoder& encoder) {
  wall_offset_ns_ = wall_offset_ns;
  now_ns_ = now_ns;
  const bool pressed =
      pool_.in_use() * kPressureDenominator > settings_.exchanges_max * kPressureNumerator;
  while (!waiting_.empty() && (waiting_.front().due_ns <= now_ns || pressed)) {
    Waiting entry = std::move(waiting_.front());
    waiting_.pop_front();
    if (waiting_.size() > kPrefetchAhead) {
      prefetch(*waiting_[kPrefetchAhead].exchange);
      prefetch_content(*waiting_[kPrefetchContentAhead].exchange);
    }
    const process::ProcessInfo& process = processes_.find(entry.exchange->tgid);
    if (!pressed && ((now_ns < entry.until_ns && Linker::awaits_confirmation(*entry.exchange)) ||
                     awaits_pods(*entry.exchange))) {
      entry.due_ns = std::max(now_ns + settings_.join_wait_ns,
                              waiting_.empty() ? std::uint64_t{0} : waiting_.back().due_ns);
      waiting_.push_back(std::move(entry));
      continue;
    }
    write(*entry.exchange, process, encoder);
  }
  if (now_ns - swept_ns_ >= kSweepIntervalNs) sweep(now_ns);
  for (const ExchangePtr& exchange : to_report_) write_interim(*exchange, now_ns, encoder);
  to_report_.clear();
}

void Tracer::finish(std::uint64_t, otlp::RequestEncoder& encoder) {
  connections_.abandon_all();
  for (const Waiting& entry : std::exchange(waiting_, {})) {
    write(*entry.exchange, processes_.find(entry.exchange->tgid), encoder);
  }
}

void Tracer::write(Exchange& exchange, const process::ProcessInfo& process,
                   otlp::RequestEncoder& encoder) {
  judge(exchange);
  linker_.settle(exchange);
  // The two ends are stamped on two processors, after the transfer: what was sent cannot end later
  // than it was received. A client that gave up has not received it.
  if (exchange.evidence == Evidence::kWire && exchange.parent->ended &&
      exchange.parent->error_type.empty() && exchange.parent->partial.empty()) {
    exchange.end_ns = std::clamp(exchange.end_ns, exchange.start_ns,
                                 std::max(exchange.start_ns, exchange.parent->end_ns));
  }
  // A server's span is written before its client's, which has ended later.
  if (exchange.evidence == Evidence::kWire && share_method(*exchange.parent, exchange)) {
    ++counters_.connections.http2.methods_shared;
  }
  if (exchange.is_ignored) {
    ++counters_.ignored_exchanges;
    return;
  }
  if (exchange.is_sampled_out) {
    ++counters_.sampled_out_exchanges;
    return;
  }
  begin_resource(process, encoder);
  writer_.write(exchange, context_of(exchange, process), encoder);
  ++counters_.spans;
}

void Tracer::write_interim(Exchange& exchange, std::uint64_t now_ns,
                           otlp::RequestEncoder& encoder) {
  judge(exchange);
  linker_.settle(exchange);
  if (exchange.is_ignored || exchange.is_sampled_out) {
    ++counters_.ignored_interim;
    return;
  }
  const process::ProcessInfo& process = processes_.find(exchange.tgid);
  begin_resource(process, encoder);
  writer_.write_interim(exchange, context_of(exchange, process), linker_.new_span_id(), now_ns,
                        encoder);
  exchange.stream->last_report_ns = now_ns;
  ++counters_.interim_spans;
}

void Tracer::begin_resource(const process::ProcessInfo& process, otlp::RequestEncoder& encoder) {
  const Resource& resource = resource_of(process);
  if (pods_) pods_->count(process.container, resource.pod);
  if (&resource == begun_resource_ && !encoder.empty()) return;
  encoder.begin_resource(resource.encoded);
  begun_resource_ = &resource;
}

Tracer::Resource& Tracer::resource_of(const process::ProcessInfo& process) {
  if (resources_.size() >= kResourcesMax) {
    counters_.resources_evicted += resources_.size();
    resources_.clear();
    begun_resource_ = nullptr;
  }
  Resource& resource = resources_[process.revision];
  resource.used_ns = now_ns_;
  const bool is_new = resource.encoded.empty();
  if (pods_ && (is_new || resource.pods_generation != pods_->generation())) {
    resource.pods_generation = pods_->generation();
    const process::PodContext& pod = pods_->context_of(process.container, now_ns_);
    if (!is_new && pod == resource.pod) return resource;
    resource.pod = pod;
  } else if (!is_new) {
    return resource;
  }
  resource.encoded = encoded_resource(
      process::resource_attributes(process, host_, settings_.resources, resource.pod));
  if (begun_resource_ == &resource) begun_resource_ = nullptr;
  return resource;
}

bool Tracer::awaits_pod(const process::ProcessInfo& process) {
  if (!pods_ || process.container.empty()) return false;
  if (resource_of(process).pod.enrichment == process::Enrichment::kWhole) return false;
  return pods_->awaits(process.container, now_ns_);
}

void Tracer::forget_resources(std::uint64_t now_ns) {
  std::erase_if(resources_, [&](const auto& entry) {
    const Resource& resource = entry.second;
    if (now_ns < resource.used_ns + kResourceUnusedNs) return false;
    if (begun_resource_ == &resource) begun_resource_ = nullptr;
    return true;
  });
}

void Tracer::sweep(std::uint64_t now_ns) {
  swept_ns_ = now_ns;
  forget_resources(now_ns);
  processes_.sweep(now_ns);
  linker_.sweep(now_ns);
  if (pods_) pods_->sweep(now_ns);
  if (pods_ && pods_->generation() != selected_generation_) pods_changed();
  connections_.expire(now_ns, settings_.exchange_timeout_ns);
}

std::size_t Tracer::held() const {
  return counters_.connections.exchanges_opened - counters_.spans - counters_.ignored_exchanges -
         counters_.sampled_out_exchanges;
}

}  // namespace kernspan
