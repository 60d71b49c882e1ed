#include "agent/process/resource.h"

#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid.hpp>
#include <boost/uuid/uuid_io.hpp>

#include <algorithm>
#include <array>
#include <ctime>
#include <string_view>
#include <utility>

namespace kernspan::process {
namespace {

// Spec: semantic conventions, resource/service.md, service.instance.id.
constexpr boost::uuids::uuid kInstanceNamespace = {0x4d, 0x63, 0x00, 0x9a, 0x8d, 0x0f, 0x11, 0xee,
                                                   0xaa, 0xd7, 0x4c, 0x79, 0x6e, 0xd8, 0xe3, 0x20};

// ISO 8601 in UTC with milliseconds: 2024-02-03T04:05:06.789Z
std::string iso_time(std::uint64_t unix_ns) {
  const auto seconds = static_cast<std::time_t>(unix_ns / 1'000'000'000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::string milliseconds = std::to_string(unix_ns / 1'000'000 % 1000);
  milliseconds.insert(0, 3 - milliseconds.size(), '0');
  return std::string(text.data(), size) + "." + milliseconds + "Z";
}

class Attributes {
 public:
  // `set`: by the program's owner.
  explicit Attributes(std::vector<std::pair<std::string, std::string>> set)
      : set_(std::move(set)) {}

  void add(Attribute attribute) {
    if (!configured(attribute.key)) list_.push_back(std::move(attribute));
  }

  void add(std::string_view key, std::string_view value) {
    if (!value.empty() && !configured(key)) list_.push_back({std::string(key), std::string(value)});
  }
  void add(std::string_view key, std::int64_t value) {
    if (!configured(key)) list_.push_back({std::string(key), value});
  }
  void add(std::string_view key, const std::vector<std::string>& values) {
    if (!values.empty() && !configured(key)) list_.push_back({std::string(key), values});
  }
  std::vector<Attribute> take() {
    for (auto& [key, value] : set_) list_.push_back({std::move(key), std::move(value)});
    return std::move(list_);
  }

 private:
  bool configured(std::string_view key) const {
    return std::ranges::find(set_, key, &std::pair<std::string, std::string>::first) != set_.end();
  }

  std::vector<std::pair<std::string, std::string>> set_;
  std::vector<Attribute> list_;
};

std::vector<std::pair<std::string, std::string>> set_by_owner(const ProcessInfo& process,
                                                              const kube::PodMatch& match,
                                                              const PodAttributeOptions& options) {
  std::vector<std::pair<std::string, std::string>> set = process.resource_attributes;
  if (!match) return set;
  const std::size_t of_environment = set.size();
  for (auto& [key, value] : annotated_attributes(*match.pod, options)) {
    const auto end = set.begin() + static_cast<std::ptrdiff_t>(of_environment);
    const bool is_known = std::ranges::find(set.begin(), end, key,
                                            &std::pair<std::string, std::string>::first) != end;
    if (!is_known) set.emplace_back(std::move(key), std::move(value));
  }
  return set;
}

}  // namespace

std::vector<Attribute> resource_attributes(const ProcessInfo& process, const HostInfo& host,
                                           const ResourceOptions& options, const PodContext& pod) {
  Attributes attributes(set_by_owner(process, pod.match, options.pods));
  const ServiceIdentity service = service_identity(process, pod.match, options.pods);
  attributes.add("service.name", service.name);
  attributes.add("service.namespace", service.namespace_name);
  attributes.add("service.version", service.version);
  attributes.add("service.instance.id", service.instance_id);
  attributes.add("process.pid", std::int64_t{process.tgid});
  if (process.parent_tgid != 0) {
    attributes.add("process.parent_pid", std::int64_t{process.parent_tgid});
  }
  attributes.add("process.executable.name", process.executable_name);
  attributes.add("process.executable.path", process.executable_path);
  if (options.command_args && !process.args.empty()) {
    attributes.add("process.command", process.args.front());
    attributes.add("process.command_args", process.args);
  }
  attributes.add("process.owner", process.owner);
  attributes.add("process.runtime.name", process.runtime_name);
  attributes.add("process.runtime.version", process.runtime_version);
  if (process.start_time_unix_ns) {
    attributes.add("process.creation.time", iso_time(*process.start_time_unix_ns));
  }
  attributes.add("host.name", host.name);
  attributes.add("host.id", host.id);
  attributes.add("host.arch", host.arch);
  attributes.add("os.type", std::string_view("linux"));
  attributes.add("os.description", host.os_description);
  for (Attribute& attribute : pod_attributes(process.container, pod, options.pods)) {
    attributes.add(std::move(attribute));
  }
  return attributes.take();
}

std::string instance_id(const HostInfo& host, std::uint32_t tgid, std::uint64_t start_ticks) {
  if (host.id.empty() || host.boot_id.empty()) return {};
  const boost::uuids::name_generator_sha1 generate(kInstanceNamespace);
  return boost::uuids::to_string(generate(host.id + "/" + host.boot_id + "/" +
                                          std::to_string(tgid) + "/" +
                                          std::to_string(start_ticks)));
}

}  // namespace kernspan::process
