#include "agent/process/describe_process.h"

#include <utility>

#include "agent/process/command_line.h"
#include "agent/process/otel_environment.h"
#include "agent/process/utf8.h"

namespace kernspan::process {
namespace {

constexpr std::size_t kCommBytesMax = 64;
// What is kept of a command line when asked to.
constexpr std::size_t kKeptArgsMax = 64;
constexpr std::size_t kKeptArgsBytesMax = 4096;

}  // namespace

void describe_executable(const ProcSnapshot& snapshot, ProcessInfo& info) {
  const ProcessFacts& facts = snapshot.facts;
  info.executable_path = to_utf8(without_deleted(facts.executable_path), kPathBytesMax);
  info.executable_name = info.executable_path.empty()
                             ? to_utf8(facts.comm, kCommBytesMax)
                             : std::string(base_name(info.executable_path));
  info.runtime = snapshot.runtime.runtime;
  info.runtime_name = snapshot.runtime.name;
  info.runtime_version = snapshot.runtime.version;
}

bool keep_args(const std::vector<std::string>& args, ProcessInfo& info) {
  std::size_t bytes = 0;
  for (const std::string& arg : args) {
    bytes += arg.size();
    if (info.args.size() == kKeptArgsMax || bytes > kKeptArgsBytesMax) return false;
    info.args.push_back(to_utf8(arg, kKeptArgsBytesMax));
  }
  return true;
}

bool take_attributes(std::string_view text, ProcessInfo& info) {
  auto attributes = parse_resource_attributes(text);
  if (!attributes) return false;
  for (auto& [key, value] : *attributes) {
    if (key == "service.namespace") {
      info.service_namespace = std::move(value);
    } else if (key == "service.version") {
      info.service_version = std::move(value);
    } else if (key == "service.instance.id") {
      info.service_instance_id = std::move(value);
    } else if (key != "service.name") {
      info.resource_attributes.emplace_back(std::move(key), std::move(value));
    }
  }
  return true;
}

}  // namespace kernspan::process
