#pragma once

#include <memory>
#include <string>

#include "agent/grpc_core/library.h"
#include "pipeline/base/error.h"

namespace kernspan::grpc_core {

// The probes of one process; they go with it. To be destroyed by the thread that attached.
class AttachedProbes {
 public:
  virtual ~AttachedProbes() = default;
};

// Puts the probes into processes: the live capture, or a test.
class ProbeAttacher {
 public:
  virtual ~ProbeAttacher() = default;

  // The process, and no other that runs the library, reports its calls from now on. `path` is the library, and
  // needed only during the call. Takes milliseconds; one thread at a time. Before its attacher goes the result must.
  virtual Result<std::unique_ptr<AttachedProbes>> attach(const std::string& path,
                                                         std::uint32_t tgid,
                                                         const Library& library) = 0;
};

}  // namespace kernspan::grpc_core
