// Which executables are probed for grpc-go calls: those of processes that were seen with HTTP/2
// connections, by device and inode, until the last such process has gone.
//
// Used by one thread only.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "agent/golang/probe_attacher.h"

namespace kernspan::golang {

struct GrpcGoCounters {
  std::uint64_t attached = 0;
  std::uint64_t detached = 0;
  std::array<std::uint64_t, kRefusalCount> refused{};  // executables, by Refusal
  std::uint64_t attach_failed = 0;
  // Too many: probed executables, executables that are remembered, processes that wait to be looked at.
  std::uint64_t probed_limit = 0;
  std::uint64_t executable_limit = 0;
  std::uint64_t queue_full = 0;
  std::uint64_t process_gone = 0;  // before its executable could be opened
};

class GrpcGoExecutables {
 public:
  struct Settings {
    std::string proc_root = "/proc";
    std::size_t probed_max = KS_GO_LAYOUTS_MAX;
    // Executables of Go programs with HTTP/2 connections, probed or not, about 200 bytes each.
    std::size_t remembered_max = 1024;
    // By its executable's name: whether look_around() may see a process.
    std::function<bool(std::string_view name)> is_traced = [](std::string_view) { return true; };
  };
  using Log = std::function<void(std::string_view line)>;

  // `attacher` is borrowed for the object's life.
  GrpcGoExecutables(Settings settings, ProbeAttacher& attacher, Log log);

  // Sees the Go programs that run already and have a TCP connection: it may be older than the agent.
  void look_around();
  // The process is a Go program and has an HTTP/2 connection.
  void process_seen(std::uint32_t tgid);
  // It has ended, or runs another program.
  void process_gone(std::uint32_t tgid);
  // Finds out about ends that nobody has told of. Every half minute or so.
  void recheck();

  GrpcGoCounters& counters() { return counters_; }
  std::size_t probed() const { return probed_; }

 private:
  // The times tell files apart that have got the same inode after each other.
  struct Identity {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t changed_s = 0;
    std::int64_t changed_ns = 0;
    auto operator<=>(const Identity&) const = default;
  };
  struct Executable {
    std::set<std::uint32_t> processes;
    std::unique_ptr<AttachedProbes> probes;  // null: refused
  };

  std::string path_of(std::uint32_t tgid) const;
  static std::optional<Identity> identity_of(int fd);
  std::unique_ptr<AttachedProbes> probe(std::uint32_t tgid, int fd);

  const Settings settings_;
  ProbeAttacher& attacher_;
  const Log log_;
  std::map<Identity, Executable> executables_;
  std::unordered_map<std::uint32_t, Identity> identities_;  // by process
  std::size_t probed_ = 0;
  GrpcGoCounters counters_;
};

}  // namespace kernspan::golang
