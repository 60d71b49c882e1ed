#include "agent/probes/grpc_core_attacher.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "agent/probes/attachment.h"
#include "agent/probes/socket_numbers.h"
#include "capture.skel.h"

namespace kernspan::probes {

class GrpcCoreAttacher::Probes final : public grpc_core::AttachedProbes {
 public:
  Probes(std::string path, std::uint32_t tgid, std::uint32_t cookie)
      : path_(std::move(path)), tgid_(static_cast<pid_t>(tgid)), cookie_(cookie) {}

  Status add(const bpf_program* program, std::uint64_t offset, bool is_multi) {
    bpf_link* link = is_multi ? link_multi(program, offset) : link_perf(program, offset);
    if (link == nullptr) {
      return permanent(
          fmt::format("{} at {:#x}: {}", bpf_program__name(program), offset, std::strerror(errno)));
    }
    links_.emplace_back(link);
    return {};
  }

 private:
  bpf_link* link_multi(const bpf_program* program, std::uint64_t offset) const {
    const unsigned long place = offset;
    LIBBPF_OPTS(bpf_uprobe_multi_opts, options, .offsets = &place, .cookies = &cookie_, .cnt = 1);
    return bpf_program__attach_uprobe_multi(program, tgid_, path_.c_str(), nullptr, &options);
  }
  bpf_link* link_perf(const bpf_program* program, std::uint64_t offset) const {
    LIBBPF_OPTS(bpf_uprobe_opts, options, .bpf_cookie = cookie_);
    return bpf_program__attach_uprobe_opts(program, tgid_, path_.c_str(), offset, &options);
  }

  const std::string path_;
  const pid_t tgid_;
  const __u64 cookie_;
  std::vector<std::unique_ptr<bpf_link, LinkDeleter>> links_;
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
  auto probes = std::make_unique<Probes>(path, tgid, library.number);
  const auto& progs = skeleton_.progs;
  if (Status added = probes->add(is_multi_ ? progs.core_encode_m : progs.core_encode,
                                 library.client_point, is_multi_);
      !added)
    return std::unexpected(added.error());
  if (Status added = probes->add(is_multi_ ? progs.core_metadata_m : progs.core_metadata,
                                 library.server_point, is_multi_);
      !added)
    return std::unexpected(added.error());
  return probes;
}

}  // namespace kernspan::probes
