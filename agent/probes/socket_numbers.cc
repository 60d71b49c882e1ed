#include "agent/probes/socket_numbers.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "agent/probes/attachment.h"
#include "capture.skel.h"

namespace kernspan::probes {

Status number_sockets(capture_bpf& skeleton) {
  const std::unique_ptr<bpf_link, LinkDeleter> link(
      bpf_program__attach_iter(skeleton.progs.number_sockets, nullptr));
  if (!link) return permanent(fmt::format("number_sockets: {}", std::strerror(errno)));
  const int fd = bpf_iter_create(bpf_link__fd(link.get()));
  if (fd < 0) return permanent(fmt::format("number_sockets: {}", std::strerror(errno)));
  // The program writes nothing: the end comes when it has seen all files.
  char byte = 0;
  ssize_t bytes = 0;
  do {
    bytes = read(fd, &byte, sizeof byte);
  } while (bytes > 0 || (bytes < 0 && (errno == EAGAIN || errno == EINTR)));
  close(fd);
  if (bytes < 0) return permanent(fmt::format("number_sockets: {}", std::strerror(errno)));
  return {};
}

}  // namespace kernspan::probes
