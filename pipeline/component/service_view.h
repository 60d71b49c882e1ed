// What an extension may see of the service that it runs in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/error.h"
#include "pipeline/base/ids.h"
#include "pipeline/base/ledger.h"

namespace kernspan {

// A span that came by, its texts cut to a bounded length. They are whatever the sender wrote.
struct SpanSample {
  std::string name;
  std::string service;
  std::string status_message;
  TraceId trace_id;
  std::uint64_t start_time_unix_ns = 0;
  std::uint64_t duration_ns = 0;
  bool is_error = false;
};

// Any thread.
class ServiceView {
 public:
  struct Pipeline {
    std::string id;
    // Ids; connectors are among the receivers and exporters.
    std::vector<std::string> receivers;
    std::vector<std::string> processors;
    std::vector<std::string> exporters;
  };

  virtual ~ServiceView() = default;

  virtual const std::vector<Pipeline>& pipelines() const = 0;
  virtual const std::vector<std::string>& extensions() const = 0;  // in the order of their start
  virtual const Ledger& ledger() const = 0;

  // A few of the spans that came into a pipeline lately, newest first, and of those with an error.
  struct Samples {
    std::vector<SpanSample> recent;
    std::vector<SpanSample> errors;
  };
  virtual Samples samples(std::string_view pipeline) const = 0;

  // Whether every pipeline would take a small request at the moment (Consumer::admit()); else which
  // one would not, and why. Between pipelines_ready() and pipelines_not_ready().
  virtual Status readiness() const = 0;
};

// An extension that wants to see it implements this beside Extension.
class ServiceObserver {
 public:
  virtual ~ServiceObserver() = default;

  // Called once, before start(). The view outlives the extension's stop().
  virtual void observe(const ServiceView& view) = 0;
  // Spans are sampled only when somebody wants them.
  virtual bool wants_samples() const { return false; }
};

}  // namespace kernspan
