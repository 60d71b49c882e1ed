// Where kernel events come from: the live capture or a recording. The rest of the agent knows only
// this.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

// The ABI headers are C of the kernel side; abi.h is their only door into C++.
#include "agent/probes/abi.h"

namespace kernspan::probes {

// What the kernel side counted since it was loaded, by enum ks_counter, summed over the CPUs.
using KernelCounters = std::array<std::uint64_t, KS_COUNTER_COUNT>;

// The label value of a counter: the `reason` of the ledger.
std::string_view counter_name(ks_counter counter);

class RecordSink {
 public:
  virtual ~RecordSink() = default;

  // One raw record (event_decoder.h judges it). Valid, and 8-byte aligned, only during the call.
  virtual void on_record(std::string_view record) = 0;
};

class EventSource {
 public:
  virtual ~EventSource() = default;

  // Hands all records that are ready now to the sink and returns how many; never blocks. One
  // thread.
  virtual std::size_t drain(RecordSink& sink) = 0;

  // No new records from now on; what is in the ring can still be drained. Idempotent.
  virtual void detach() = 0;

  // Cheap enough for every drain. Any thread.
  virtual KernelCounters counters() = 0;

  // From now on no message start of this process is captured, and none of its connects is reported.
  // A socket that it used once stays given up. Idempotent; any thread.
  virtual void ignore_process(std::uint32_t tgid) = 0;

  // Takes the above back; to be called when the process has ended, as its id will come again.
  virtual void forget_process(std::uint32_t tgid) = 0;
};

}  // namespace kernspan::probes
