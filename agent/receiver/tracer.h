// From kernel events to spans: connections -> exchanges -> links -> spans.
//
// A span is written when its exchange has been over for `join_wait_ns`, so that its other end on
// this node has been seen in whatever order the events came, and when its links no longer depend on
// an answer that is still to come (at most `confirm_wait_ns`).
//
// Runs on one thread, without a clock or a kernel of its own: replaying recorded events gives the
// same spans.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "agent/causality/linker.h"
#include "agent/conn/connection_table.h"
#include "agent/process/process_table.h"
#include "agent/process/resource.h"
#include "agent/receiver/peer_names.h"
#include "agent/receiver/pod_enrichment.h"
#include "agent/receiver/process_policy.h"
#include "agent/select/process_selector.h"
#include "agent/span/span_writer.h"
#include "bpf/abi/events.h"
#include "pipeline/otlp/span_encoder.h"

namespace kernspan {

struct TracerSettings {
  ProcessPolicy policy;
  SpanOptions spans;                           // where no selector says otherwise
  std::shared_ptr<const Selectors> selectors;  // null: there are none
  ProcessSelector::FindPod find_pod;           // empty: pods are not known
  process::ResourceOptions resources;
  LinkLimits links;
  // Requests in flight and spans that wait, together: about 1 KiB each.
  std::size_t exchanges_max = 65536;
  std::size_t connections_max = 65536;
  std::uint64_t join_wait_ns = 100'000'000;
  std::uint64_t confirm_wait_ns = 2'000'000'000;
  std::uint64_t exchange_timeout_ns = 300'000'000'000;
  // Streams older than this are reported while they live (ConnEnvironment); 0: they are not.
  std::uint64_t stream_report_interval_ns = 60'000'000'000;
};

struct TracerCounters {
  std::uint64_t records = 0;
  std::uint64_t ignored_process = 0;  // transfers of programs that are not to be traced
  std::uint64_t spans = 0;            // of exchanges
  std::uint64_t interim_spans = 0;    // of streams that were still open
  // Exchanges of which no span is written: by a selector, and because their traces are not sampled.
  std::uint64_t ignored_exchanges = 0;
  std::uint64_t sampled_out_exchanges = 0;
  std::uint64_t ignored_interim = 0;  // for either reason
  // Processes of which selectors have changed their minds.
  std::uint64_t reselected_processes = 0;
  std::uint64_t resources_evicted = 0;
  std::uint64_t shed_connections = 0;  // of programs that are traced, each end by itself
  ConnCounters connections;
};

class Tracer final : public ExchangeObserver {
 public:
  // Called when a program turns out not to be traced, so that its events stay in the kernel.
  using IgnoreProcess = std::function<void(std::uint32_t tgid, bool ignore)>;

  // `processes` outlives the tracer.
  Tracer(TracerSettings settings, process::ProcessTable& processes, process::HostInfo host,
         Linker::RandomId random_id, IgnoreProcess ignore_process);

  // Spans are told of their pods. It outlives the tracer; set before the first event.
  void enrich_with(PodEnrichment& pods);
  // The same for peers that are pods of this node, or Services.
  void name_peers(PeerNames& peers) { peers_ = &peers; }

  // --- events, in the order of the ring ---
  void on_transfer(const ks_transfer_event& event, std::string_view bytes);
  void on_connect(const ks_connect_event& event);
  void on_close(const ks_close_event& event);
  void on_exec(const ks_exec_event& event);
  void on_fork(const ks_fork_event& event);
  void on_exit(const ks_exit_event& event);
  void on_grpc_call(const ks_grpc_call_event& event, std::string_view method);
  void on_shed(const ks_shed_event& event);
  void on_cgroup(const ks_cgroup_event& event, std::string_view path, bool is_cut);

  // Called when a Go program is seen with an HTTP/2 connection (true), and when such a process has gone
  // or runs another program.
  using WatchGoProcess = std::function<void(std::uint32_t tgid, bool seen)>;
  void watch_go_processes(WatchGoProcess watch) { watch_go_process_ = std::move(watch); }

  // From now on these rules hold, for what has not been written yet too.
  void change_selectors(std::shared_ptr<const Selectors> selectors);
  // Labels, annotations or pods have changed. Not free: once a second or so.
  void pods_changed();

  // Writes the spans that are due. `wall_offset_ns`: Unix time minus monotonic time, now: what is
  // opened from here on is given it.
  void flush(std::uint64_t now_ns, std::int64_t wall_offset_ns, otlp::RequestEncoder& encoder);
  // Ends what is open (as partial) and writes everything.
  void finish(std::uint64_t now_ns, otlp::RequestEncoder& encoder);

  // Exchanges that are open or wait to be written.
  std::size_t held() const;
  std::size_t connections() const { return connections_.size(); }
  // Of programs that spans were written of lately.
  std::size_t resources() const { return resources_.size(); }
  const TracerCounters& counters() const { return counters_; }
  const Linker& linker() const { return linker_; }
  const HeaderBudget& header_budget() const { return header_budget_; }
  const SpanWriter& span_writer() const { return writer_; }

 private:
  struct Waiting {
    ExchangePtr exchange;
    std::uint64_t due_ns;
    std::uint64_t until_ns;  // waits for confirmation no longer than this
  };
  struct Program {
    bool traced = true;
    bool in_policy = true;  // by name and namespace; else nothing can make it traced
    bool is_go = false;
    bool is_event_loop = false;
    bool is_watched = false;  // the receiver was told of it
  };

  void on_request(Exchange& exchange, const Caller& caller, bool first_on_connection) override;
  void on_request_complete(Exchange& exchange, const Caller& caller) override;
  void on_response_begin(Exchange& exchange, const Caller& caller) override;
  void on_message(Exchange& exchange, const Caller& caller, bool of_request) override;
  void on_end(const ExchangePtr& exchange, const Caller* caller) override;
  void on_grpc_call(Exchange& exchange, const GrpcCall& call) override;
  void on_interim(const ExchangePtr& exchange) override;

  Program& program_of(std::uint32_t tgid);
  void forget_program(std::uint32_t tgid);
  Caller caller_of(const Program& program, std::uint32_t tgid, std::uint32_t tid,
                   std::uint64_t goroutine, std::uint64_t turn) const;
  void select_again();
  void judge(Exchange& exchange);
  ProcessPod pod_of(const process::ProcessInfo& process);
  SpanContext context_of(const Exchange& exchange, const process::ProcessInfo& process);
  // Encoded, with what is known of the pod.
  struct Resource {
    std::string encoded;
    process::PodContext pod;
    std::uint64_t pods_generation = 0;  // when `pod` was looked up
    std::uint64_t used_ns = 0;
  };

  void write(Exchange& exchange, const process::ProcessInfo& process,
             otlp::RequestEncoder& encoder);
  void write_interim(Exchange& exchange, std::uint64_t now_ns, otlp::RequestEncoder& encoder);
  void begin_resource(const process::ProcessInfo& process, otlp::RequestEncoder& encoder);
  Resource& resource_of(const process::ProcessInfo& process);
  void forget_resources(std::uint64_t now_ns);
  bool awaits_pod(const process::ProcessInfo& process);
  bool awaits_pods(const Exchange& exchange);
  void sweep(std::uint64_t now_ns);

  TracerSettings settings_;
  process::ProcessTable& processes_;
  process::HostInfo host_;
  IgnoreProcess ignore_process_;
  WatchGoProcess watch_go_process_;
  TracerCounters counters_;
  HeaderBudget header_budget_;  // outlives all exchanges
  ProcessSelector selector_;
  ExchangePool pool_;
  Linker linker_;
  GrpcCalls calls_;
  ConnEnvironment environment_;
  ConnectionTable connections_;
  SpanWriter writer_;
  std::deque<Waiting> waiting_;  // by due_ns
  std::vector<ExchangePtr> to_report_;
  std::unordered_map<std::uint32_t, Program> programs_;
  std::unordered_map<std::uint64_t, Resource> resources_;  // by ProcessInfo::revision
  const Resource* begun_resource_ = nullptr;  // in resources_: of the span written last
  std::uint64_t selected_generation_ = 0;     // of pods_, when the selectors were applied last
  PodEnrichment* pods_ = nullptr;             // null: nothing is to be known of pods
  PeerNames* peers_ = nullptr;
  std::uint64_t now_ns_ = 0;  // of the last flush
  std::int64_t wall_offset_ns_ = 0;
  std::uint64_t swept_ns_ = 0;
};

}  // namespace kernspan
