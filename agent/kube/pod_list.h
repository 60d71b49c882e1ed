// A kubelet's answer to GET /pods. It has no versions to ask for and no watch: every answer is the
// whole list, several megabytes on a large node, of which little has changed. It is read as it comes;
// each pod's text is hashed, and only those are parsed that were not in the last list.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/kube/pod.h"
#include "agent/kube/pod_list_splitter.h"
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
  PodListReader(const PodListReader&) = delete;
  PodListReader& operator=(const PodListReader&) = delete;

  // --- one list, in pieces ---

  void begin();
  void take(std::string_view piece);
  // The pods that can be read. Fails when it was no PodList or is cut; a pod that is not one is
  // skipped and counted. Pods that have not changed since the last list are the same objects. A list
  // that is not finished was not there, and is not counted.
  Result<std::vector<PodPtr>> finish();

  Result<std::vector<PodPtr>> read(std::string_view body) {
    begin();
    take(body);
    return finish();
  }

  const PodListCounters& counters() const { return counters_; }
  // Why the last bad pod was one; empty: there was none.
  const std::string& last_problem() const { return last_problem_; }

 private:
  using Digest = std::pair<std::uint64_t, std::uint64_t>;

  void take_pod(std::string_view text);

  const PodFields fields_;
  const std::size_t pods_max_;
  const std::uint64_t seed_;  // nobody outside can make two pods collide
  std::map<Digest, PodPtr> last_;
  PodListSplitter splitter_;
  // Of the list that comes.
  std::map<Digest, PodPtr> current_;
  std::vector<PodPtr> pods_;
  PodListCounters counting_;
  PodListCounters counters_;
  std::string last_problem_;
};

}  // namespace kernspan::kube
