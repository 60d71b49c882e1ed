// PodLists of any bytes: what is read of them is bounded and valid, the same when it comes again in
// pieces, and goes in and out of the directory without a trace.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "agent/kube/pod_directory.h"
#include "agent/kube/pod_list.h"

namespace kernspan::kube {
namespace {

constexpr std::size_t kPodsMax = 8;

void check(bool holds) {
  if (!holds) __builtin_trap();
}

void check_pod(const Pod& pod) {
  check(!pod.uid.empty() && !pod.name.empty() && !pod.namespace_name.empty());
  check(pod.labels.size() <= 256 && pod.annotations.size() <= 256 && pod.containers.size() <= 256);
  for (const auto& [key, value] : pod.labels) check(*pod.label(key) == value);
  for (const Container& container : pod.containers) {
    for (const ContainerRun& run : container.runs) check(!run.id.empty());
  }
}

void check_directory(const std::vector<PodPtr>& pods) {
  std::uint64_t now_ns = 1;
  PodDirectory directory({.pods_max = kPodsMax}, [&] { return now_ns; });
  directory.apply(pods);
  for (const PodPtr& pod : pods) check(static_cast<bool>(directory.find_pod(pod->uid)));
  directory.apply({});
  now_ns += 1'000'000'000'000;
  directory.sweep();
  check(directory.size() == 0 && directory.container_ids() == 0);
}

}  // namespace
}  // namespace kernspan::kube

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kernspan::kube;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  PodListReader reader({}, kPodsMax);
  const auto pods = reader.read(text);
  const std::uint64_t bad = reader.counters().pods_bad;
  reader.begin();
  const std::size_t piece_bytes = size % 13 + 1;
  for (std::size_t at = 0; at < size; at += piece_bytes) {
    reader.take(text.substr(at, piece_bytes));
  }
  const auto again = reader.finish();
  check(again.has_value() == pods.has_value());
  if (!pods) return 0;
  check(pods->size() <= kPodsMax);
  for (const PodPtr& pod : *pods) check_pod(*pod);
  check(*again == *pods);
  check(reader.counters().pods_bad == 2 * bad);
  check_directory(*pods);
  return 0;
}
