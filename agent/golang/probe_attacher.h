#pragma once

#include <memory>
#include <string>

#include "agent/golang/grpc_go_program.h"
#include "pipeline/base/error.h"

namespace kernspan::golang {

// The probes of one executable; they go with it. To be destroyed by the thread that attached.
class AttachedProbes {
 public:
  virtual ~AttachedProbes() = default;
};

// Puts the probes into executables: the live capture, or a test.
class ProbeAttacher {
 public:
  virtual ~ProbeAttacher() = default;

  // Whatever process runs the executable, now or later, reports its calls from now on. `path` is needed only
  // during the call. Takes milliseconds; one thread at a time. Before its attacher goes the result must.
  virtual Result<std::unique_ptr<AttachedProbes>> attach(const std::string& path,
                                                         const GrpcGoProgram& program) = 0;
};

}  // namespace kernspan::golang
