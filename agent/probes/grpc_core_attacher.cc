#include "agent/probes/grpc_core_attacher.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/probes/attachment.h"
#include "agent/probes/socket_numbers.h"
#include "capture.skel.h"

namespace kernspan::probes {

class GrpcCoreAttacher::Probes final : public grpc_core::AttachedProbes {
 public:
  using Link = std::unique_ptr<bpf_link, LinkDeleter>;
  std::array<Link, 2> links;
};

Result<std::unique_ptr<grpc_core::AttachedProbes>> GrpcCoreAttacher::attach(
    const std::string& path, std::uint32_t tgid, const grpc_core::Library& library) {
  if (!sockets_are_numbered_) {
    if (Status numbered = number_sockets(skeleton_); !numbered)
      return std::unexpected(numbered.error());
    sockets_are_numbered_ = true;
  }
  if (bpf_map_update_elem(bpf_map__fd(skeleton_.maps.core_layouts), &library.number,
                          &library.layout, BPF_ANY) != 0) {
    return permanent(fmt::format("its layout: {}", std::strerror(errno)));
  }
  auto probes = std::make_unique<Probes>();
  const std::array points = {std::pair{skeleton_.progs.core_encode, library.client_point},
                             std::pair{skeleton_.progs.core_metadata, library.server_point}};
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto& [program, offset] = points[i];
    LIBBPF_OPTS(bpf_uprobe_opts, options, .bpf_cookie = library.number);
    probes->links[i].reset(bpf_program__attach_uprobe_opts(program, static_cast<pid_t>(tgid),
                                                           path.c_str(), offset, &options));
    if (!probes->links[i]) {
      return permanent(
          fmt::format("{} at {:#x}: {}", bpf_program__name(program), offset, std::strerror(errno)));
    }
  }
  return probes;
}

}  // namespace kernspan::probes
