#include "pipeline/routing/dns_resolver.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "pipeline/routing/dns_lookup.h"

namespace kernspan {
namespace {

int whole_milliseconds(std::chrono::nanoseconds duration) {
  const auto count = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  return static_cast<int>(std::clamp<std::int64_t>(count, 1, std::numeric_limits<int>::max()));
}

}  // namespace

DnsResolver::DnsResolver(DnsResolverSettings settings, const ResolverContext& context)
    : settings_(std::move(settings)), endpoints_(context, "dns") {}

DnsResolver::~DnsResolver() {
  stop();
}

Status DnsResolver::start(OnChange on_change) {
  stop_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (stop_fd_ < 0) return permanent("the dns resolver cannot make an eventfd");
  endpoints_.on_change(std::move(on_change));
  thread_ = std::thread([this] { run(); });
  return {};
}

void DnsResolver::stop() {
  if (stop_fd_ < 0) return;
  eventfd_write(stop_fd_, 1);
  thread_.join();
  close(stop_fd_);
  stop_fd_ = -1;
}

void DnsResolver::run() {
  pollfd stop{.fd = stop_fd_, .events = POLLIN, .revents = 0};
  do {
    resolve();
  } while (poll(&stop, 1, whole_milliseconds(settings_.interval)) <= 0);
}

void DnsResolver::resolve() {
  Result<std::vector<std::string>> addresses = look_up({.hostname = settings_.hostname,
                                                        .server = settings_.server,
                                                        .timeout = settings_.timeout,
                                                        .stop_fd = stop_fd_});
  if (!addresses) {
    endpoints_.failed(addresses.error().message);
    return;
  }
  if (!settings_.port.empty()) {
    for (std::string& address : *addresses) {
      address += ':';
      address += settings_.port;
    }
  }
  endpoints_.resolved(*std::move(addresses));
}

}  // namespace kernspan
