#include "agent/probes/grpc_go_attacher.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "agent/probes/attachment.h"
#include "agent/probes/socket_numbers.h"
#include "capture.skel.h"

namespace kernspan::probes {

// The slot is free again when the last probe that uses it is out.
class GrpcGoAttacher::Probes final : public golang::AttachedProbes {
 public:
  Probes(GrpcGoAttacher& attacher, std::uint32_t slot) : attacher_(attacher), slot_(slot) {
    attacher_.used_slots_.set(slot_);
  }
  ~Probes() override {
    links_.clear();
    attacher_.used_slots_.reset(slot_);
  }

  Status add(const bpf_program* program, const std::string& path,
             std::span<const std::uint64_t> offsets) {
    return attacher_.is_multi_ ? add_together(program, path, offsets)
                               : add_each(program, path, offsets);
  }

 private:
  static constexpr pid_t kAllProcesses = -1;

  Status add_together(const bpf_program* program, const std::string& path,
                      std::span<const std::uint64_t> offsets) {
    if (offsets.empty()) return {};
    const std::vector<unsigned long> places(offsets.begin(), offsets.end());
    const std::vector<__u64> cookies(offsets.size(), slot_);
    LIBBPF_OPTS(bpf_uprobe_multi_opts, options, .offsets = places.data(), .cookies = cookies.data(),
                .cnt = places.size());
    bpf_link* link =
        bpf_program__attach_uprobe_multi(program, kAllProcesses, path.c_str(), nullptr, &options);
    if (link == nullptr) {
      return permanent(fmt::format("{}: {}", bpf_program__name(program), std::strerror(errno)));
    }
    links_.emplace_back(link);
    return {};
  }

  Status add_each(const bpf_program* program, const std::string& path,
                  std::span<const std::uint64_t> offsets) {
    LIBBPF_OPTS(bpf_uprobe_opts, options, .bpf_cookie = slot_);
    for (const std::uint64_t offset : offsets) {
      bpf_link* link =
          bpf_program__attach_uprobe_opts(program, kAllProcesses, path.c_str(), offset, &options);
      if (link == nullptr) {
        return permanent(fmt::format("{} at {:#x}: {}", bpf_program__name(program), offset,
                                     std::strerror(errno)));
      }
      links_.emplace_back(link);
    }
    return {};
  }

  GrpcGoAttacher& attacher_;
  const std::uint32_t slot_;
  std::vector<std::unique_ptr<bpf_link, LinkDeleter>> links_;
};

Result<std::unique_ptr<golang::AttachedProbes>> GrpcGoAttacher::attach(
    const std::string& path, const golang::GrpcGoProgram& program) {
  if (!sockets_are_numbered_) {
    if (Status numbered = number_sockets(skeleton_); !numbered)
      return std::unexpected(numbered.error());
    sockets_are_numbered_ = true;
  }
  std::uint32_t slot = 0;
  while (slot < used_slots_.size() && used_slots_.test(slot)) ++slot;
  if (slot == used_slots_.size()) return permanent("all layouts are in use");
  if (bpf_map_update_elem(bpf_map__fd(skeleton_.maps.go_layouts), &slot, &program.layout,
                          BPF_ANY) != 0) {
    return permanent(fmt::format("its layout: {}", std::strerror(errno)));
  }
  auto probes = std::make_unique<Probes>(*this, slot);
  const auto& progs = skeleton_.progs;
  // The server's first: a handler that is known before its calls are.
  if (Status added =
          probes->add(is_multi_ ? progs.go_handle_m : progs.go_handle, path, program.server_points);
      !added)
    return std::unexpected(added.error());
  if (Status added = probes->add(is_multi_ ? progs.go_new_stream_m : progs.go_new_stream, path,
                                 program.client_points);
      !added)
    return std::unexpected(added.error());
  return probes;
}

}  // namespace kernspan::probes
