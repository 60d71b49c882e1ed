#include "agent/golang/grpc_go_executables.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "agent/golang/connected_processes.h"
#include "agent/golang/descriptor.h"

namespace kernspan::golang {

GrpcGoExecutables::GrpcGoExecutables(Settings settings, ProbeAttacher& attacher, Log log)
    : settings_(std::move(settings)), attacher_(attacher), log_(std::move(log)) {}

std::string GrpcGoExecutables::path_of(std::uint32_t tgid) const {
  return fmt::format("{}/{}/exe", settings_.proc_root, tgid);
}

std::optional<GrpcGoExecutables::Identity> GrpcGoExecutables::identity_of(int fd) {
  struct stat status{};
  if (fd < 0 || fstat(fd, &status) != 0) return std::nullopt;
  return Identity{.device = status.st_dev,
                  .inode = status.st_ino,
                  .changed_s = status.st_mtim.tv_sec,
                  .changed_ns = status.st_mtim.tv_nsec};
}

void GrpcGoExecutables::process_seen(std::uint32_t tgid) {
  const Descriptor file(path_of(tgid));
  const auto identity = identity_of(file.get());
  if (!identity) {
    ++counters_.process_gone;
    return;
  }
  if (const auto known = identities_.find(tgid); known != identities_.end()) {
    if (known->second == *identity) return;
    process_gone(tgid);  // it runs another program
  }
  auto place = executables_.find(*identity);
  if (place == executables_.end()) {
    if (executables_.size() >= settings_.remembered_max) {
      ++counters_.executable_limit;
      return;
    }
    place = executables_.try_emplace(*identity).first;
    place->second.probes = probe(tgid, file.get());
  }
  place->second.processes.insert(tgid);
  identities_[tgid] = *identity;
}

std::unique_ptr<AttachedProbes> GrpcGoExecutables::probe(std::uint32_t tgid, int fd) {
  const auto program = inspect_grpc_go(fd);
  if (!program) {
    ++counters_.refused[static_cast<std::size_t>(program.error())];
    if (program.error() != Refusal::kWithoutGrpc) {
      log_(fmt::format("the executable of process {} is not probed for gRPC calls: {}", tgid,
                       refusal_name(program.error())));
    }
    return nullptr;
  }
  if (probed_ >= settings_.probed_max) {
    ++counters_.probed_limit;
    return nullptr;
  }
  // By the descriptor: the process may end, and its number be used again.
  auto probes = attacher_.attach(fmt::format("/proc/self/fd/{}", fd), *program);
  if (!probes) {
    ++counters_.attach_failed;
    log_(fmt::format("the executable of process {} cannot be probed for gRPC calls: {}", tgid,
                     probes.error().message));
    return nullptr;
  }
  ++counters_.attached;
  ++probed_;
  return std::move(*probes);
}

void GrpcGoExecutables::process_gone(std::uint32_t tgid) {
  const auto identity = identities_.find(tgid);
  if (identity == identities_.end()) return;
  const auto executable = executables_.find(identity->second);
  identities_.erase(identity);
  executable->second.processes.erase(tgid);
  if (!executable->second.processes.empty()) return;
  if (executable->second.probes) {
    --probed_;
    ++counters_.detached;
  }
  executables_.erase(executable);
}

void GrpcGoExecutables::look_around() {
  for (const std::uint32_t tgid : connected_go_processes(settings_.proc_root)) {
    std::error_code error;
    const auto path = std::filesystem::read_symlink(path_of(tgid), error);
    if (!error && settings_.is_traced(path.filename().string())) process_seen(tgid);
  }
}

void GrpcGoExecutables::recheck() {
  std::vector<std::uint32_t> gone;
  for (const auto& [tgid, identity] : identities_) {
    if (identity_of(Descriptor(path_of(tgid)).get()) != identity) gone.push_back(tgid);
  }
  for (const std::uint32_t tgid : gone) process_gone(tgid);
}

}  // namespace kernspan::golang
