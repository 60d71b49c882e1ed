#include "pipeline/processors/resource_detection/system_detector.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <string_view>

namespace kernspan {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

std::optional<std::string> os_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return std::nullopt;
  return std::string(name.data());
}

Addresses addresses_of(const std::string& host) {
  addrinfo hints{};
  hints.ai_flags = AI_CANONNAME;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  return Addresses(getaddrinfo(host.c_str(), nullptr, &hints, &found) == 0 ? found : nullptr);
}

std::string without_last_dot(std::string name) {
  if (name.ends_with('.')) name.pop_back();
  return name;
}

std::optional<std::string> canonical_name(const addrinfo* addresses) {
  if (addresses == nullptr || addresses->ai_canonname == nullptr) return std::nullopt;
  return without_last_dot(addresses->ai_canonname);
}

std::optional<std::string> reverse_name(const addrinfo* addresses) {
  for (const addrinfo* address = addresses; address != nullptr; address = address->ai_next) {
    std::array<char, NI_MAXHOST> name{};
    if (getnameinfo(address->ai_addr, address->ai_addrlen, name.data(), name.size(), nullptr, 0,
                    NI_NAMEREQD) == 0) {
      return without_last_dot(name.data());
    }
  }
  return std::nullopt;
}

// The name with its domain: what hosts file or name server call it, else the name of its address.
std::optional<std::string> full_name(const addrinfo* addresses) {
  std::optional<std::string> name = canonical_name(addresses);
  if (name && name->contains('.')) return name;
  if (std::optional<std::string> other = reverse_name(addresses); other && other->contains('.')) {
    return other;
  }
  return name;
}

// The architecture in the words of the semantic conventions.
std::string architecture() {
  struct Name {
    std::string_view machine;
    const char* architecture;
  };
  constexpr std::array kNames = {Name{"x86_64", "amd64"},  Name{"aarch64", "arm64"},
                                 Name{"i686", "x86"},      Name{"i386", "x86"},
                                 Name{"ppc64le", "ppc64"}, Name{"ppc64", "ppc64"},
                                 Name{"ppc", "ppc32"},     Name{"ia64", "ia64"}};
  utsname machine{};
  if (uname(&machine) != 0) return "";
  const auto* const found = std::ranges::find(kNames, machine.machine, &Name::machine);
  if (found != kNames.end()) return found->architecture;
  return std::string_view(machine.machine).starts_with("arm") ? "arm32" : machine.machine;
}

class SystemDetector final : public Detector {
 public:
  SystemDetector(SystemDetectorSettings settings, std::filesystem::path root)
      : settings_(std::move(settings)), root_(std::move(root)) {}

  Result<DetectedAttributes> detect(std::chrono::steady_clock::time_point) override {
    DetectedAttributes found;
    if (settings_.attributes.enabled("host.name")) {
      const std::optional<std::string> name = host_name();
      if (!name) return retryable("all hostname sources failed to get hostname");
      found.emplace_back("host.name", *name);
    }
    if (settings_.attributes.enabled("os.type")) found.emplace_back("os.type", "linux");
    if (settings_.attributes.enabled("host.arch")) found.emplace_back("host.arch", architecture());
    if (settings_.attributes.enabled("host.id")) {
      const std::optional<std::string> id = machine_id();
      if (!id) return permanent("host.id: there is neither etc/machine-id nor dbus's machine-id");
      found.emplace_back("host.id", *id);
    }
    return found;
  }

 private:
  std::optional<std::string> host_name() const {
    const std::optional<std::string> own = os_name();
    if (!own) return std::nullopt;
    for (const std::string& source : settings_.hostname_sources) {
      if (source == "os") return own;
      const Addresses addresses = addresses_of(*own);
      const std::optional<std::string> name = source == "dns"     ? full_name(addresses.get())
                                              : source == "cname" ? canonical_name(addresses.get())
                                                                  : reverse_name(addresses.get());
      if (name) return name;
    }
    return std::nullopt;
  }

  std::optional<std::string> machine_id() const {
    for (const char* name : {"etc/machine-id", "var/lib/dbus/machine-id"}) {
      std::ifstream file(root_ / name);
      std::string id;
      if (file >> id) return id;
    }
    return std::nullopt;
  }

  const SystemDetectorSettings settings_;
  const std::filesystem::path root_;
};

}  // namespace

void SystemDetectorSettings::read(ConfigReader& detector) {
  constexpr std::array<std::string_view, 4> kSources = {"dns", "os", "cname", "lookup"};
  detector.string_list("hostname_sources", &hostname_sources);
  if (hostname_sources.empty()) hostname_sources = {"dns", "os"};
  for (const std::string& source : hostname_sources) {
    if (std::ranges::find(kSources, source) == kSources.end()) {
      detector.error("hostname_sources",
                     fmt::format("hostname_sources contains invalid value: \"{}\"; use dns, os, "
                                 "cname or lookup",
                                 source));
    }
  }
  attributes.read(detector);
}

std::unique_ptr<Detector> make_system_detector(SystemDetectorSettings settings,
                                               const DetectionSources& sources) {
  return std::make_unique<SystemDetector>(std::move(settings), sources.root);
}

}  // namespace kernspan
