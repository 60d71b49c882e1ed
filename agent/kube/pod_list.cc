#include "agent/kube/pod_list.h"

#include <xxhash.h>

#include <random>
#include <string>

#include "agent/kube/pod_reader.h"

namespace kernspan::kube {
namespace {

std::uint64_t random_seed() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

}  // namespace

PodListReader::PodListReader(PodFields fields, std::size_t pods_max)
    : fields_(std::move(fields)),
      pods_max_(pods_max),
      seed_(random_seed()),
      splitter_([this](std::string_view text) { take_pod(text); }) {}

void PodListReader::begin() {
  splitter_.begin();
  current_.clear();
  pods_.clear();
  counting_ = counters_;
}

void PodListReader::take(std::string_view piece) {
  splitter_.take(piece);
}

Result<std::vector<PodPtr>> PodListReader::finish() {
  counters_ = counting_;
  ++counters_.lists;
  if (Status whole = splitter_.finish(); !whole) {
    ++counters_.lists_bad;
    return std::unexpected(std::move(whole.error()));
  }
  last_.swap(current_);
  current_.clear();
  return std::move(pods_);
}

void PodListReader::take_pod(std::string_view text) {
  if (pods_.size() == pods_max_) {
    ++counting_.pods_left_out;
    return;
  }
  const XXH128_hash_t hash = XXH3_128bits_withSeed(text.data(), text.size(), seed_);
  const Digest digest{hash.high64, hash.low64};
  PodPtr pod;
  if (const auto known = last_.find(digest); known != last_.end()) {
    pod = known->second;
    ++counting_.pods_unchanged;
  } else {
    Result<Pod> parsed = parse_pod(text, fields_, &counting_.fields_left_out);
    if (!parsed) {
      ++counting_.pods_bad;
      last_problem_ = parsed.error().message;
      return;
    }
    pod = std::make_shared<const Pod>(*std::move(parsed));
    ++counting_.pods_parsed;
  }
  current_.emplace(digest, pod);
  pods_.push_back(std::move(pod));
}

}  // namespace kernspan::kube
