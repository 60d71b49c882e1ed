#include "agent/kube/pod_list.h"

#include <xxhash.h>

#include <random>
#include <string>

#include "agent/kube/json_extent.h"
#include "agent/kube/pod_reader.h"

namespace kernspan::kube {
namespace {

constexpr std::size_t kNone = std::string_view::npos;
// A pod's own fields lie about 10 deep.
constexpr std::size_t kDepthMax = 64;

std::uint64_t random_seed() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

}  // namespace

PodListReader::PodListReader(PodFields fields, std::size_t pods_max)
    : fields_(std::move(fields)), pods_max_(pods_max), seed_(random_seed()) {}

// {"kind": "PodList", "items": [ ... ], ...}, the keys in any order.
Result<std::vector<PodPtr>> PodListReader::read(std::string_view body) {
  ++counters_.lists;
  current_.clear();
  std::vector<PodPtr> pods;
  bool has_items = false;
  std::string problem;
  std::size_t at = skip_space(body, 0);
  if (at >= body.size() || body[at] != '{') problem = "is not a JSON object";
  while (problem.empty()) {
    at = skip_space(body, at + 1);  // behind '{' or ','
    if (at < body.size() && body[at] == '}' && !has_items) break;
    const std::size_t key_end =
        at < body.size() && body[at] == '"' ? value_end(body, at, 1) : kNone;
    const std::size_t colon = key_end == kNone ? kNone : skip_space(body, key_end);
    if (colon == kNone || colon >= body.size() || body[colon] != ':') {
      problem = "is cut, or not JSON";
      break;
    }
    const std::string_view key = body.substr(at, key_end - at);
    at = skip_space(body, colon + 1);
    if (key == "\"items\"") {
      if (has_items) problem = "has two lists of items";
      has_items = true;
      if (Status read = read_items(body, &at, &pods); !read) problem = read.error().message;
    } else {
      const std::size_t end = value_end(body, at, kDepthMax);
      if (end == kNone) problem = "is cut, or not JSON";
      const std::string_view kind = body.substr(at, end - at);
      if (key == "\"kind\"" && kind != "\"PodList\"" && kind != "\"List\"") {
        problem = "is not a PodList";
      }
      at = end;
    }
    if (!problem.empty()) break;
    at = skip_space(body, at);
    if (at < body.size() && body[at] == ',') continue;
    if (at >= body.size() || body[at] != '}') problem = "is cut, or not JSON";
    break;
  }
  if (problem.empty() && skip_space(body, at + 1) < body.size()) {
    problem = "goes on behind its end";
  }
  if (problem.empty() && !has_items) problem = "has no items";
  if (!problem.empty()) {
    ++counters_.lists_bad;
    return permanent("the answer " + problem);
  }
  last_.swap(current_);
  current_.clear();
  return pods;
}

Status PodListReader::read_items(std::string_view body, std::size_t* at,
                                 std::vector<PodPtr>* pods) {
  if (body.substr(*at).starts_with("null")) {  // of Go's empty slices
    *at += 4;
    return {};
  }
  if (*at >= body.size() || body[*at] != '[') return permanent("has items that are no list");
  std::size_t next = skip_space(body, *at + 1);
  const bool is_empty = next < body.size() && body[next] == ']';
  while (!is_empty) {
    const std::size_t end = value_end(body, next, kDepthMax);
    if (end == kNone) return permanent("is cut, or not JSON");
    read_item(body.substr(next, end - next), pods);
    next = skip_space(body, end);
    if (next < body.size() && body[next] == ']') break;
    if (next >= body.size() || body[next] != ',') return permanent("is cut, or not JSON");
    next = skip_space(body, next + 1);
  }
  *at = next + 1;
  return {};
}

void PodListReader::read_item(std::string_view item, std::vector<PodPtr>* pods) {
  if (pods->size() == pods_max_) {
    ++counters_.pods_left_out;
    return;
  }
  const XXH128_hash_t hash = XXH3_128bits_withSeed(item.data(), item.size(), seed_);
  const Digest digest{hash.high64, hash.low64};
  PodPtr pod;
  if (const auto known = last_.find(digest); known != last_.end()) {
    pod = known->second;
    ++counters_.pods_unchanged;
  } else {
    Result<Pod> parsed = parse_pod(item, fields_, &counters_.fields_left_out);
    if (!parsed) {
      ++counters_.pods_bad;
      last_problem_ = parsed.error().message;
      return;
    }
    pod = std::make_shared<const Pod>(*std::move(parsed));
    ++counters_.pods_parsed;
  }
  current_.emplace(digest, pod);
  pods->push_back(std::move(pod));
}

}  // namespace kernspan::kube
