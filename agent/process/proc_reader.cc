#include "agent/process/proc_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "agent/process/command_line.h"

namespace kernspan::process {
namespace {

// The class path of a Java program stands before its main class: the kernel's limit of one
// argument.
constexpr std::size_t kArgsBytesMax = 131072;
constexpr std::size_t kArgsMax = 4096;
constexpr std::size_t kEnvironmentBytesMax = 65536;
constexpr std::size_t kStatusBytesMax = 4096;
// 14 hierarchies with paths of a page each.
constexpr std::size_t kCgroupBytesMax = 65536;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

ReadFailure failure_of(int error) {
  switch (error) {
    case ENOENT:
    case ESRCH:
      return ReadFailure::kGone;
    case EACCES:
    case EPERM:
      return ReadFailure::kDenied;
    case EMFILE:
    case ENFILE:
      return ReadFailure::kNoDescriptors;
    default:
      return ReadFailure::kOther;
  }
}

// Up to `limit` bytes of a file into `into`, from its start; how many there were, or the errno.
std::expected<std::size_t, int> read_file(int directory, const char* name, std::string& into,
                                          std::size_t limit) {
  const Descriptor file(openat(directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return std::unexpected(errno);
  if (into.size() < limit) into.resize(limit);
  std::size_t size = 0;
  while (size < limit) {
    const ssize_t got = read(file.get(), into.data() + size, limit - size);
    if (got == 0) break;
    if (got < 0) {
      if (errno == EINTR) continue;
      return std::unexpected(errno);
    }
    size += static_cast<std::size_t>(got);
  }
  return size;
}

std::expected<std::string, int> read_link(int directory, const char* name) {
  std::array<char, 4096> path;
  const ssize_t size = readlinkat(directory, name, path.data(), path.size());
  if (size < 0) return std::unexpected(errno);
  return std::string(path.data(), static_cast<std::size_t>(size));
}

template <typename Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

struct Stat {
  std::string comm;
  std::uint32_t parent_tgid = 0;
  std::uint64_t start_ticks = 0;
};

// "4711 (name) S 1 ...": the name may hold anything, parentheses and spaces included.
std::optional<Stat> parse_stat(std::string_view text) {
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return {};
  Stat stat;
  stat.comm = text.substr(open + 1, close - open - 1);
  while (text.ends_with('\n')) text.remove_suffix(1);
  if (close > text.size()) return {};
  // Numbered from 3, the state, as in proc(5).
  const auto fields = split_spaces(text.substr(close + 1));
  constexpr std::size_t kParent = 4 - 3;
  constexpr std::size_t kStartTime = 22 - 3;
  if (fields.size() <= kStartTime) return {};
  if (!parse_number(fields[kParent], stat.parent_tgid)) return {};
  if (!parse_number(fields[kStartTime], stat.start_ticks)) return {};
  return stat;
}

std::expected<Stat, ReadFailure> read_stat(int directory, std::string& buffer) {
  const auto size = read_file(directory, "stat", buffer, kStatusBytesMax);
  if (!size) return std::unexpected(failure_of(size.error()));
  auto stat = parse_stat(std::string_view(buffer).substr(0, *size));
  if (!stat) return std::unexpected(ReadFailure::kMalformed);
  return *std::move(stat);
}

std::expected<kube::ContainerRef, int> read_container(int directory, std::string& buffer) {
  const auto size = read_file(directory, "cgroup", buffer, kCgroupBytesMax);
  if (!size) return std::unexpected(size.error());
  return kube::container_of_proc_cgroup(std::string_view(buffer).substr(0, *size));
}

// "Uid:\t<real>\t<effective>\t..."
std::optional<std::uint32_t> effective_uid(std::string_view status) {
  constexpr std::string_view kLabel = "\nUid:\t";
  const std::size_t at = status.find(kLabel);
  if (at == std::string_view::npos) return {};
  status.remove_prefix(at + kLabel.size());
  const std::size_t tab = status.find('\t');
  if (tab == std::string_view::npos) return {};
  status.remove_prefix(tab + 1);
  std::uint32_t uid = 0;
  if (!parse_number(status.substr(0, status.find_first_of("\t\n")), uid)) return {};
  return uid;
}

struct KeptVariable {
  std::string_view prefix;
  std::string ProcessFacts::* value;
};

constexpr std::array kKeptVariables = {
    KeptVariable{"OTEL_SERVICE_NAME=", &ProcessFacts::otel_service_name},
    KeptVariable{"OTEL_RESOURCE_ATTRIBUTES=", &ProcessFacts::otel_resource_attributes},
    KeptVariable{"FLASK_APP=", &ProcessFacts::flask_app},
};

// As getenv(3): of a variable that comes twice, the first. A last one that was cut is left out.
void keep_variables(std::string_view environment, bool truncated, ProcessFacts& facts) {
  while (!environment.empty()) {
    const std::size_t end = environment.find('\0');
    if (end == std::string_view::npos && truncated) return;
    const std::string_view variable = environment.substr(0, end);
    for (const KeptVariable& kept : kKeptVariables) {
      if (variable.starts_with(kept.prefix) && (facts.*kept.value).empty()) {
        facts.*kept.value = variable.substr(kept.prefix.size());
      }
    }
    environment.remove_prefix(std::min(variable.size() + 1, environment.size()));
  }
}

}  // namespace

std::string_view to_string(ReadFailure failure) {
  static constexpr std::array<std::string_view, kReadFailureCount> kReasons = {
#define KERNSPAN_PROCESS_REASON(enumerator, reason) reason,
      KERNSPAN_PROCESS_READ_FAILURES(KERNSPAN_PROCESS_REASON)
#undef KERNSPAN_PROCESS_REASON
  };
  return kReasons[static_cast<std::size_t>(failure)];
}

bool ProcSnapshot::complete() const {
  return std::ranges::all_of(failures, [](std::uint32_t count) { return count == 0; });
}

ProcReader::ProcReader(std::string proc_root) : proc_root_(std::move(proc_root)) {}

std::expected<std::uint64_t, ReadFailure> ProcReader::start_ticks(std::uint32_t tgid) {
  const std::string path = proc_root_ + "/" + std::to_string(tgid);
  const Descriptor directory(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0) return std::unexpected(failure_of(errno));
  const auto stat = read_stat(directory.get(), buffer_);
  if (!stat) return std::unexpected(stat.error());
  return stat->start_ticks;
}

std::expected<kube::ContainerRef, ReadFailure> ProcReader::container(std::uint32_t tgid) {
  const std::string path = proc_root_ + "/" + std::to_string(tgid);
  const Descriptor directory(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0) return std::unexpected(failure_of(errno));
  auto container = read_container(directory.get(), buffer_);
  if (!container) return std::unexpected(failure_of(container.error()));
  return *std::move(container);
}

std::expected<ProcSnapshot, ReadFailure> ProcReader::read(std::uint32_t tgid) {
  // All is read through this descriptor: it goes on meaning this process when the number is used
  // again.
  const std::string path = proc_root_ + "/" + std::to_string(tgid);
  const Descriptor directory(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0) return std::unexpected(failure_of(errno));
  auto stat = read_stat(directory.get(), buffer_);
  if (!stat) return std::unexpected(stat.error());

  ProcSnapshot snapshot;
  const auto failed = [&](ReadFailure failure) {
    ++snapshot.failures[static_cast<std::size_t>(failure)];
  };
  ProcessFacts& facts = snapshot.facts;
  snapshot.parent_tgid = stat->parent_tgid;
  snapshot.start_ticks = stat->start_ticks;
  facts.comm = std::move(stat->comm);

  if (auto link = read_link(directory.get(), "exe")) {
    facts.executable_path = *std::move(link);
    const Descriptor executable(
        openat(directory.get(), "exe", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (executable.get() < 0) failed(failure_of(errno));
    snapshot.runtime =
        runtimes_.detect(base_name(without_deleted(facts.executable_path)), executable.get());
  } else {
    failed(link.error() == ENOENT ? ReadFailure::kNoExecutable : failure_of(link.error()));
  }
  if (auto link = read_link(directory.get(), "cwd")) {
    facts.cwd = without_deleted(*link);
  } else if (link.error() != ENOENT) {  // ENOENT: as for the executable, already counted
    failed(failure_of(link.error()));
  }
  if (const auto size = read_file(directory.get(), "cmdline", buffer_, kArgsBytesMax)) {
    facts.args = split_nul(std::string_view(buffer_).substr(0, *size), kArgsMax);
    facts.args_truncated = *size == kArgsBytesMax || facts.args.size() == kArgsMax;
  } else {
    failed(failure_of(size.error()));
  }
  if (const auto size = read_file(directory.get(), "environ", buffer_, kEnvironmentBytesMax)) {
    snapshot.environment_truncated = *size == kEnvironmentBytesMax;
    keep_variables(std::string_view(buffer_).substr(0, *size), snapshot.environment_truncated,
                   facts);
  } else {
    failed(failure_of(size.error()));
  }
  explicit_bzero(buffer_.data(), buffer_.size());
  if (auto container = read_container(directory.get(), buffer_)) {
    snapshot.container = *std::move(container);
  } else if (container.error() != ENOENT) {  // ENOENT: a kernel without cgroups
    failed(failure_of(container.error()));
  }
  if (const auto size = read_file(directory.get(), "status", buffer_, kStatusBytesMax)) {
    snapshot.effective_uid = effective_uid(std::string_view(buffer_).substr(0, *size));
    if (!snapshot.effective_uid) failed(ReadFailure::kMalformed);
  } else {
    failed(failure_of(size.error()));
  }
  return snapshot;
}

}  // namespace kernspan::process
