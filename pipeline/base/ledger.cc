#include "pipeline/base/ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace kernspan {
namespace {

// The sum that a stage's numbers are supposed to make, as text.
std::string format_balance(const StageBalance& balance) {
  const std::int64_t difference = balance.difference();
  if (difference == 0) return "balances";
  return difference < 0 ? fmt::format("{} UNACCOUNTED FOR", -difference)
                        : fmt::format("{} COUNTED TWICE", difference);
}

MetricFamily family_of(std::string_view what, std::string_view help, MetricType type) {
  return {.name = fmt::format("kernspan_stage_{}", what),
          .help = std::string(help),
          .type = type,
          .samples = {}};
}

}  // namespace

std::uint64_t StageBalance::dropped_total() const {
  std::uint64_t total = 0;
  for (const auto& [reason, count] : dropped) total += count;
  return total;
}

std::int64_t StageBalance::difference() const {
  return static_cast<std::int64_t>(passed_on + to_peers + held + dropped_total() - taken -
                                   recovered - from_peers);
}

Counter& StageBooks::dropped(std::string_view reason) {
  const std::lock_guard lock(mutex_);
  const auto found = dropped_.find(reason);
  if (found != dropped_.end()) return found->second;
  return dropped_.try_emplace(std::string(reason)).first->second;
}

StageBalance StageBooks::balance() const {
  StageBalance balance{.stage = stage_,
                       .unit = unit_,
                       .taken = taken_.value(),
                       .recovered = recovered_.value(),
                       .from_peers = from_peers_.value(),
                       .passed_on = passed_on_.value(),
                       .to_peers = to_peers_.value(),
                       .held = held_.load(std::memory_order_relaxed),
                       .refused = refused_.value(),
                       .dropped = {}};
  const std::lock_guard lock(mutex_);
  for (const auto& [reason, count] : dropped_) {
    if (count.value() != 0) balance.dropped.emplace(reason, count.value());
  }
  return balance;
}

std::map<std::string, std::uint64_t> StageBooks::drops() const {
  std::map<std::string, std::uint64_t> drops;
  const std::lock_guard lock(mutex_);
  for (const auto& [reason, count] : dropped_) drops.emplace(reason, count.value());
  return drops;
}

StageBooks& Ledger::add_stage(std::string stage, std::string unit) {
  const std::lock_guard lock(mutex_);
  return stages_.emplace_back(std::move(stage), std::move(unit));
}

StageBooks& Ledger::add_stage_before(const StageBooks& position, std::string stage,
                                     std::string unit) {
  const std::lock_guard lock(mutex_);
  const auto next = std::ranges::find_if(
      stages_, [&position](const StageBooks& books) { return &books == &position; });
  return *stages_.emplace(next, std::move(stage), std::move(unit));
}

std::vector<StageBalance> Ledger::balances() const {
  const std::lock_guard lock(mutex_);
  std::vector<StageBalance> balances;
  std::ranges::transform(stages_, std::back_inserter(balances), &StageBooks::balance);
  return balances;
}

bool Ledger::balances_all() const {
  return std::ranges::all_of(balances(), &StageBalance::balances);
}

std::string Ledger::summary() const {
  const std::vector<StageBalance> stages = balances();
  std::size_t width = 5;
  for (const StageBalance& stage : stages) width = std::max(width, stage.stage.size());
  std::string text = fmt::format("{:<{}}  {:<8} {:>12} {:>12} {:>8} {:>10} {:>10}\n", "stage",
                                 width, "unit", "taken", "passed on", "held", "dropped", "refused");
  for (const StageBalance& stage : stages) {
    text += fmt::format("{:<{}}  {:<8} {:>12} {:>12} {:>8} {:>10} {:>10}  {}\n", stage.stage, width,
                        stage.unit, stage.taken, stage.passed_on, stage.held, stage.dropped_total(),
                        stage.refused, format_balance(stage));
    if (stage.recovered != 0) {
      text +=
          fmt::format("{:<{}}  {:<8} {:>12} from disk\n", "", width, "recovered", stage.recovered);
    }
    for (const auto& [what, count] :
         {std::pair("from peers", stage.from_peers), std::pair("to peers", stage.to_peers)}) {
      if (count != 0) text += fmt::format("{:<{}}  {:<8} {:>12} {}\n", "", width, "", count, what);
    }
    for (const auto& [reason, count] : stage.dropped) {
      text += fmt::format("{:<{}}  {:<8} {:>12} {}\n", "", width, "dropped", count, reason);
    }
  }
  return text;
}

void Ledger::collect(std::vector<MetricFamily>& families) const {
  using enum MetricType;
  MetricFamily taken = family_of("taken", "What the stage accepted.", kCounter);
  MetricFamily recovered =
      family_of("recovered", "What the stage found on disk when it started.", kCounter);
  MetricFamily passed_on = family_of("passed_on", "What the stage handed to the next.", kCounter);
  MetricFamily from_peers =
      family_of("from_peers", "What other replicas handed over to the stage.", kCounter);
  MetricFamily to_peers =
      family_of("to_peers", "What other replicas took over from the stage.", kCounter);
  MetricFamily held = family_of("held", "What the stage has now, in queues and batches.", kGauge);
  MetricFamily refused = family_of("refused", "What the stage did not accept.", kCounter);
  MetricFamily dropped = family_of("dropped", "What the stage lost, by reason.", kCounter);
  const std::lock_guard lock(mutex_);
  for (const StageBooks& books : stages_) {
    const StageBalance stage = books.balance();
    const MetricLabels labels{{"stage", stage.stage}, {"unit", stage.unit}};
    taken.samples.push_back({labels, static_cast<double>(stage.taken)});
    recovered.samples.push_back({labels, static_cast<double>(stage.recovered)});
    passed_on.samples.push_back({labels, static_cast<double>(stage.passed_on)});
    held.samples.push_back({labels, static_cast<double>(stage.held)});
    refused.samples.push_back({labels, static_cast<double>(stage.refused)});
    if (stage.from_peers + stage.to_peers != 0) {
      from_peers.samples.push_back({labels, static_cast<double>(stage.from_peers)});
      to_peers.samples.push_back({labels, static_cast<double>(stage.to_peers)});
    }
    for (const auto& [reason, count] : books.drops()) {
      MetricLabels with_reason = labels;
      with_reason.emplace("reason", reason);
      dropped.samples.push_back({std::move(with_reason), static_cast<double>(count)});
    }
  }
  for (MetricFamily* family : {&taken, &recovered, &passed_on, &held, &refused, &dropped}) {
    families.push_back(std::move(*family));
  }
  for (MetricFamily* family : {&from_peers, &to_peers}) {
    if (!family->samples.empty()) families.push_back(std::move(*family));
  }
}

}  // namespace kernspan
