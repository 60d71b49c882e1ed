#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "agent/probes/event_decoder.h"
#include "agent/probes/event_source.h"
#include "agent/receiver/tracer.h"

namespace kernspan {

struct DispatchCounters {
  std::uint64_t dispatched = 0;
  std::array<std::uint64_t, probes::kMalformedCount> malformed{};  // by probes::Malformed

  std::uint64_t read() const;
};

// Decodes raw records and hands them to the tracer; counts those that are malformed.
class RecordDispatch final : public probes::RecordSink {
 public:
  explicit RecordDispatch(Tracer& tracer) : tracer_(tracer) {}

  void on_record(std::string_view record) override;
  const DispatchCounters& counters() const { return counters_; }

 private:
  void dispatch(const probes::TransferView& view) { tracer_.on_transfer(*view.event, view.bytes); }
  void dispatch(const probes::ConnectView& view) { tracer_.on_connect(*view.event); }
  void dispatch(const probes::CloseView& view) { tracer_.on_close(*view.event); }
  void dispatch(const probes::ExecView& view) { tracer_.on_exec(*view.event); }
  void dispatch(const probes::ForkView& view) { tracer_.on_fork(*view.event); }
  void dispatch(const probes::ExitView& view) { tracer_.on_exit(*view.event); }
  void dispatch(const probes::ShedView& view) { tracer_.on_shed(*view.event); }
  void dispatch(const probes::GrpcCallView& view) {
    tracer_.on_grpc_call(*view.event, view.method);
  }
  void dispatch(const probes::CgroupView& view) {
    tracer_.on_cgroup(*view.event, view.path, view.is_cut);
  }

  Tracer& tracer_;
  DispatchCounters counters_;
};

}  // namespace kernspan
