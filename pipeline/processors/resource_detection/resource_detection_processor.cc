#include "pipeline/processors/resource_detection/resource_detection_processor.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "pipeline/base/duration.h"
#include "pipeline/base/log.h"
#include "pipeline/component/hand_on.h"
#include "pipeline/otlp/resource_edit.h"

namespace kernspan {
namespace {

using SteadyClock = std::chrono::steady_clock;

}  // namespace

ResourceDetectionProcessor::ResourceDetectionProcessor(const ComponentContext& context,
                                                       ResourceDetectionSettings settings,
                                                       std::vector<NamedDetector> detectors,
                                                       Consumer& next)
    : path_(context.path),
      settings_(std::move(settings)),
      next_(next),
      books_(context.books),
      metrics_(context.metrics),
      id_(context.id),
      attributes_(std::make_shared<const Attributes>()) {
  for (NamedDetector& detector : detectors) {
    slots_.push_back(
        {.detector = std::move(detector), .found = {}, .last_error = "", .may_work_later = false});
  }
}

ResourceDetectionProcessor::~ResourceDetectionProcessor() {
  stop(SteadyClock::now());
}

Status ResourceDetectionProcessor::start() {
  std::unique_lock lock(mutex_);
  running_ = true;
  thread_ = std::thread([this] { run(); });
  if (!changed_.wait_for(lock, settings_.timeout, [this] { return first_round_done_; })) {
    if (settings_.fails_when_missing) {
      return permanent(
          fmt::format("no answer within the timeout of {}", format_duration(settings_.timeout)));
    }
    log_warn("{}: no answer within the timeout of {}; goes on without what is missing", path_,
             format_duration(settings_.timeout));
    return {};
  }
  if (settings_.fails_when_missing && !first_errors_.empty()) return permanent(first_errors_);
  return {};
}

void ResourceDetectionProcessor::stop(SteadyClock::time_point) {
  {
    const std::scoped_lock lock(mutex_);
    running_ = false;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void ResourceDetectionProcessor::run() {
  std::string errors = detect(false);
  std::unique_lock lock(mutex_);
  first_errors_ = std::move(errors);
  first_round_done_ = true;
  changed_.notify_all();
  while (running_) {
    const std::chrono::nanoseconds wait = next_round();
    const bool only_failed = settings_.refresh_interval.count() == 0;
    const auto stopped = [this] { return !running_; };
    if (wait.count() == 0) {
      changed_.wait(lock, stopped);
    } else if (!changed_.wait_for(lock, wait, stopped)) {
      lock.unlock();
      detect(only_failed);
      lock.lock();
    }
  }
}

// 0: never.
std::chrono::nanoseconds ResourceDetectionProcessor::next_round() const {
  const bool retries = std::ranges::any_of(slots_, &Slot::may_work_later);
  if (settings_.refresh_interval.count() != 0) return settings_.refresh_interval;
  return retries ? settings_.retry_interval : std::chrono::nanoseconds{0};
}

std::string ResourceDetectionProcessor::detect(bool only_failed) {
  std::string errors;
  for (Slot& slot : slots_) {
    if (only_failed && !slot.may_work_later) continue;
    const Status found = detect(slot);
    std::string error = found ? "" : found.error().message;
    errors += (errors.empty() || error.empty() ? "" : "\n") + error;
    // Once, and not at every attempt.
    if (!error.empty() && error != slot.last_error) {
      log_warn("{}: failed to detect resource: {}", path_, error);
    }
    slot.last_error = std::move(error);
  }
  publish();
  return errors;
}

Status ResourceDetectionProcessor::detect(Slot& slot) {
  const std::string& name = slot.detector.name;
  Result<DetectedAttributes> found =
      slot.detector.detector->detect(SteadyClock::now() + settings_.timeout);
  metrics_
      .counter("kernspan_processor_resource_detection_rounds", "Runs of a detector.",
               {{"processor", id_}, {"detector", name}, {"outcome", found ? "success" : "failure"}})
      .add();
  slot.may_work_later = !found && found.error().kind == ErrorKind::kRetryable;
  // What was found before stands.
  if (!found) return permanent(fmt::format("detector {}: {}", name, found.error().message));
  slot.found = *std::move(found);
  return {};
}

void ResourceDetectionProcessor::publish() {
  auto merged = std::make_shared<Attributes>();
  std::string text;
  for (const Slot& slot : slots_) {
    for (const auto& [key, value] : slot.found) {
      const bool wanted =
          settings_.only.empty() || std::ranges::find(settings_.only, key) != settings_.only.end();
      const bool known =
          std::ranges::find(*merged, key, &Attributes::value_type::first) != merged->end();
      if (!wanted || known) continue;
      merged->emplace_back(key, otlp::encode_value(std::string_view(value)));
      text += fmt::format("{}{}", text.empty() ? "" : ", ", key);
    }
  }
  const std::scoped_lock lock(mutex_);
  if (*merged == *attributes_) return;
  attributes_ = std::move(merged);
  log_info("{}: detected resource information: {}", path_, text);
}

Status ResourceDetectionProcessor::consume(otlp::Batch batch) {
  std::shared_ptr<const Attributes> attributes;
  {
    const std::scoped_lock lock(mutex_);
    attributes = attributes_;
  }
  if (!attributes->empty()) {
    batch = otlp::edit_resources(std::move(batch), [&](otlp::AttributeEditor& resource) {
      for (const auto& [key, value] : *attributes) {
        if (settings_.replaces) {
          resource.upsert(key, value);
        } else {
          resource.insert(key, value);
        }
      }
    });
  }
  return hand_on(next_, books_, std::move(batch));
}

}  // namespace kernspan
