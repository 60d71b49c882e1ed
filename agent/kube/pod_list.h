// A kubelet's answer to GET /pods. It has no versions to ask for and no watch: every answer is the
// whole list, several megabytes on a large node, of which little has changed. Each pod's text is
// hashed, and only those are parsed that were not in the last list.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/kube/pod.h"
#include "pipeline/base/error.h"

namespace kernspan::kube {

struct PodListCounters {
  std::uint64_t lists = 0;
  std::uint64_t lists_bad = 0;  // refused as a whole
  std::uint64_t pods_parsed = 0;
  std::uint64_t pods_unchanged = 0;
  std::uint64_t pods_bad = 0;         // skipped: not as the API has them
  std::uint64_t pods_left_out = 0;    // beyond pods_max
  std::uint64_t fields_left_out = 0;  // beyond the bounds of a pod
};

// One thread.
class PodListReader {
 public:
  PodListReader(PodFields fields, std::size_t pods_max);

  // The pods that can be read. Fails when the text is no PodList or is cut; a pod that is not one is
  // skipped and counted. Pods that have not changed since the last list are the same objects.
  Result<std::vector<PodPtr>> read(std::string_view body);

  const PodListCounters& counters() const { return counters_; }
  // Why the last bad pod was one; empty: there was none.
  const std::string& last_problem() const { return last_problem_; }

 private:
  using Digest = std::pair<std::uint64_t, std::uint64_t>;

  Status read_items(std::string_view body, std::size_t* at, std::vector<PodPtr>* pods);
  void read_item(std::string_view item, std::vector<PodPtr>* pods);

  const PodFields fields_;
  const std::size_t pods_max_;
  const std::uint64_t seed_;  // nobody outside can make two pods collide
  std::map<Digest, PodPtr> last_;
  std::map<Digest, PodPtr> current_;
  PodListCounters counters_;
  std::string last_problem_;
};

}  // namespace kernspan::kube
