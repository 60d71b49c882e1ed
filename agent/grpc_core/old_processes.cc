#include "agent/grpc_core/old_processes.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "agent/golang/connected_processes.h"
#include "agent/golang/descriptor.h"

namespace kernspan::grpc_core {
namespace {

namespace fs = std::filesystem;

// A connection beyond this many does not keep the probes in.
constexpr std::size_t kSocketsMax = 1024;
// Programs seen have 500 mappings at the most; a hostile one may have 65,530.
constexpr std::size_t kMappingsMax = 16384;

// The library that a process has mapped for execution, as the process names it; empty: none. One that was
// replaced on disk since has " (deleted)" behind its name, and cannot be opened.
std::string mapped_library(const fs::path& process) {
  std::ifstream maps(process / "maps");
  std::string line;
  for (std::size_t i = 0; i < kMappingsMax && std::getline(maps, line); ++i) {
    const std::size_t path = line.find('/');
    if (path == std::string::npos || line.find("/libgrpc.so.", path) == std::string::npos) continue;
    const std::size_t access = line.find(' ');
    if (access + 3 < line.size() && line[access + 3] == 'x') return line.substr(path);
  }
  return {};
}

}  // namespace

OldProcesses::OldProcesses(Settings settings, ProbeAttacher& attacher, Log log)
    : settings_(std::move(settings)), attacher_(attacher), log_(std::move(log)) {}

void OldProcesses::look_around() {
  const auto is_candidate = [this](const fs::path& process) {
    std::error_code error;
    const fs::path name = fs::read_symlink(process / "exe", error).filename();
    return !error && settings_.is_traced(name.string()) && !mapped_library(process).empty();
  };
  for (auto& [tgid, sockets] :
       golang::connected_processes(settings_.proc_root, is_candidate, kSocketsMax)) {
    probe(tgid, std::move(sockets));
  }
}

void OldProcesses::probe(std::uint32_t tgid, std::vector<std::uint64_t> sockets) {
  const fs::path process = fs::path(settings_.proc_root) / std::to_string(tgid);
  const golang::Descriptor file((process / "root").string() + mapped_library(process));
  const auto library = inspect_library(file.get());
  if (!library) {
    ++counters_.refused[static_cast<std::size_t>(library.error())];
    log_(fmt::format("process {} is not probed for gRPC calls on its connections of before: {}",
                     tgid, refusal_name(library.error())));
    return;
  }
  if (processes_.size() >= settings_.probed_max) {
    ++counters_.process_limit;
    return;
  }
  auto probes = attacher_.attach(fmt::format("/proc/self/fd/{}", file.get()), tgid, *library);
  if (!probes) {
    ++counters_.attach_failed;
    log_(fmt::format("process {} cannot be probed for gRPC calls on its connections of before: {}",
                     tgid, probes.error().message));
    return;
  }
  ++counters_.attached;
  processes_.insert_or_assign(tgid,
                              Process{.sockets = std::move(sockets), .probes = std::move(*probes)});
}

void OldProcesses::recheck() {
  counters_.detached += std::erase_if(processes_, [this](const auto& item) {
    return !golang::has_socket(settings_.proc_root, item.first, item.second.sockets);
  });
}

}  // namespace kernspan::grpc_core
