// What the agent knows about one process: the values behind a span's resource.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/kube/container_ref.h"

namespace kernspan::process {

enum class Runtime {
  kUnknown,  // the executable could not be looked at
  kGo,
  kPython,
  kNodejs,
  kJava,
  kRuby,
  kPhp,
  kNative,  // an executable that is none of the others
};

// Lower case, as in "nodejs"; for logs and tests.
std::string_view to_string(Runtime runtime);

// All strings are valid UTF-8 (other bytes became U+FFFD) and bounded.
struct ProcessInfo {
  // Differs whenever any of the fields below may differ: a key for what is derived from them, such
  // as an encoded resource. Never used twice in one table.
  std::uint64_t revision = 0;

  std::uint32_t tgid = 0;
  std::uint32_t parent_tgid = 0;  // 0: not known
  std::optional<std::uint64_t> start_time_unix_ns;
  std::string executable_name;
  std::string executable_path;
  std::string owner;              // user name of the effective uid; empty when it has none
  std::vector<std::string> args;  // may carry secrets: never logged, exported only when asked for
  bool args_truncated = false;

  std::string service_name;  // never empty
  std::string service_namespace;
  std::string service_version;
  std::string service_instance_id;  // empty when neither configured nor derivable
  // By OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES: the program's own word.
  bool service_name_configured = false;
  bool service_instance_configured = false;
  Runtime runtime = Runtime::kUnknown;
  std::string runtime_name;     // semantic conventions' process.runtime.name; empty unless certain
  std::string runtime_version;  // Go only: the version that built it, without "go"

  // The rest of OTEL_RESOURCE_ATTRIBUTES, decoded, in its order, without service.{name,...} above.
  std::vector<std::pair<std::string, std::string>> resource_attributes;

  // Empty: not in a container. May change while the process lives (a runtime moves it there): the
  // revision does then too.
  kube::ContainerRef container;

  // True when /proc could not be read in full: the fields come from the exec event or the parent.
  bool degraded = false;
};

}  // namespace kernspan::process
