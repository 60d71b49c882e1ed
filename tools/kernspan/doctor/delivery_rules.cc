// Batches, queues, retries, files: where spans wait, and where they are lost.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "pipeline/base/duration.h"
#include "tools/kernspan/doctor/rules.h"

namespace kernspan::doctor {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

// A span of 20 attributes is about 700 bytes; with stack traces and SQL it is several times that.
constexpr double kSpanBytes = 1000;
constexpr double kMessageBytesMax = 4 << 20;  // what a gRPC server takes unless told otherwise
constexpr double kQueueBytesMax = 1e9;
constexpr std::uint64_t kDefaultBatchSpans = 8192;
constexpr std::uint64_t kDefaultQueueRequests = 1000;
constexpr nanoseconds kSlowBatch = seconds(5);
constexpr nanoseconds kDefaultMaxElapsed = seconds(300);

bool sends(const ComponentView& exporter) {
  return exporter.type == "otlp_grpc" || exporter.type == "otlp_http";
}

// The most spans of a batch, as far as the processor's settings bound it.
double batch_spans(const ComponentView& batch) {
  const std::uint64_t size = count_at(batch.node, {"send_batch_size"}, kDefaultBatchSpans);
  const std::uint64_t most = count_at(batch.node, {"send_batch_max_size"}, 0);
  return static_cast<double>(most == 0 ? size : most);
}

bool has_storage(const ComponentView& exporter) {
  return !text_at(exporter.node, {"sending_queue", "storage"}).empty();
}

bool goes_far(const ComponentView& exporter) {
  return sends(exporter) && !is_loopback(host_of(text_at(exporter.node, {"endpoint"})));
}

// Where the exporter stands, or the setting that it is about.
const ConfigPosition& place_of(const ComponentView& component,
                               std::initializer_list<std::string_view> keys) {
  const ConfigNode* node = at(component.node, keys);
  return node == nullptr ? component.position : node->position();
}

}  // namespace

void find_oversized_batches(const Subject& subject, Reporter& reporter) {
  for (const auto& [pipeline, index, batch] : subject.processors("batch")) {
    const bool is_capped = count_at(batch.node, {"send_batch_max_size"}, 0) > 0;
    const double bytes = batch_spans(batch) * kSpanBytes;
    if (bytes <= kMessageBytesMax) continue;
    for (const ComponentView* exporter : subject.exporters_behind(pipeline)) {
      if (exporter->type != "otlp_grpc") continue;
      reporter.add(
          place_of(batch, {is_capped ? "send_batch_max_size" : "send_batch_size"}),
          fmt::format("{}: {} spans{} of {} each are {} in one message to {}; a gRPC server takes "
                      "{} unless told otherwise, and what it refuses is dropped",
                      batch.path(), format_count(batch_spans(batch)),
                      is_capped ? "" : ", and whatever comes on top,", format_bytes(kSpanBytes),
                      format_bytes(bytes), exporter->path(), format_bytes(kMessageBytesMax)),
          fmt::format("set send_batch_max_size: {:.0f}, or raise max_recv_msg_size_mib at the peer",
                      kMessageBytesMax / kSpanBytes / 2));
      break;
    }
  }
}

void find_slow_batches(const Subject& subject, Reporter& reporter) {
  for (const auto& [pipeline, index, batch] : subject.processors("batch")) {
    const nanoseconds timeout =
        duration_at(batch.node, {"timeout"}, std::chrono::milliseconds(200));
    if (timeout < kSlowBatch) continue;
    reporter.add(
        place_of(batch, {"timeout"}),
        fmt::format("{} in {}: up to {} of spans wait in memory, before any queue: a crash "
                    "loses them, and traces appear that much later",
                    batch.path(), pipeline.id, format_duration(timeout)),
        "set timeout: 1s; send_batch_size still makes large batches under load");
  }
}

void find_unbounded_queues(const Subject& subject, Reporter& reporter) {
  for (const PipelineView& pipeline : subject.pipelines()) {
    const ComponentView* batch = subject.processor_in(pipeline, "batch");
    for (const ComponentView* exporter : subject.exporters_behind(pipeline)) {
      const ConfigNode* queue = at(exporter->node, {"sending_queue"});
      if (batch == nullptr || !sends(*exporter) || !flag_at(queue, {"enabled"}, true)) continue;
      if (text_at(queue, {"sizer"}, "requests") != "requests") continue;
      const auto requests =
          static_cast<double>(count_at(queue, {"queue_size"}, kDefaultQueueRequests));
      const double spans = requests * batch_spans(*batch);
      if (spans * kSpanBytes <= kQueueBytesMax) continue;
      reporter.add(place_of(*exporter, {"sending_queue", "queue_size"}),
                   fmt::format("{}: the queue counts requests: {} of {} spans are up to {} spans, "
                               "about {} of {} each, when the peer is away",
                               exporter->path(), format_count(requests),
                               format_count(batch_spans(*batch)), format_count(spans),
                               format_bytes(spans * kSpanBytes), format_bytes(kSpanBytes)),
                   has_storage(*exporter)
                       ? "set sizer: bytes, and queue_size to what the disk may hold"
                       : "set sizer: bytes, and queue_size to a part of the memory limit");
    }
  }
}

void find_outages_that_lose(const Subject& subject, Reporter& reporter) {
  for (const ComponentView* exporter : subject.used("exporters")) {
    const nanoseconds most =
        duration_at(exporter->node, {"retry_on_failure", "max_elapsed_time"}, kDefaultMaxElapsed);
    const bool retries = flag_at(exporter->node, {"retry_on_failure", "enabled"}, true);
    if (!goes_far(*exporter) || has_storage(*exporter) || !retries || most <= nanoseconds{0})
      continue;
    reporter.add(place_of(*exporter, {"retry_on_failure", "max_elapsed_time"}),
                 fmt::format("{}: an outage of more than {} loses spans, and a restart during one "
                             "loses the whole queue: it is in memory",
                             exporter->path(), format_duration(most)),
                 "add a file_storage extension, name it in sending_queue::storage, and set "
                 "max_elapsed_time: 0s");
  }
}

void find_stored_spans_given_up(const Subject& subject, Reporter& reporter) {
  for (const ComponentView* exporter : subject.used("exporters")) {
    const nanoseconds most =
        duration_at(exporter->node, {"retry_on_failure", "max_elapsed_time"}, kDefaultMaxElapsed);
    if (!sends(*exporter) || !has_storage(*exporter) || most <= nanoseconds{0}) continue;
    reporter.add(place_of(*exporter, {"retry_on_failure", "max_elapsed_time"}),
                 fmt::format("{}: a request that failed for {} is dropped although the queue is on "
                             "disk and may have room",
                             exporter->path(), format_duration(most)),
                 "set max_elapsed_time: 0s: the queue's size is the bound");
  }
}

void find_missing_retries(const Subject& subject, Reporter& reporter) {
  for (const ComponentView* exporter : subject.used("exporters")) {
    if (!sends(*exporter) || flag_at(exporter->node, {"retry_on_failure", "enabled"}, true))
      continue;
    reporter.add(place_of(*exporter, {"retry_on_failure", "enabled"}),
                 fmt::format("{}: the first failure drops the request", exporter->path()),
                 "remove retry_on_failure::enabled: false");
  }
}

void find_missing_queues(const Subject& subject, Reporter& reporter) {
  for (const ComponentView* exporter : subject.used("exporters")) {
    if (!sends(*exporter) || flag_at(exporter->node, {"sending_queue", "enabled"}, true)) continue;
    reporter.add(
        place_of(*exporter, {"sending_queue", "enabled"}),
        fmt::format("{}: without a queue a slow peer holds up the pipeline, and everything "
                    "that shares a receiver with it",
                    exporter->path()),
        "remove sending_queue::enabled: false");
  }
}

void find_files_beside_exporters(const Subject& subject, Reporter& reporter) {
  constexpr std::uint64_t kDefaultMegabytes = 100;
  constexpr std::uint64_t kDefaultBackups = 100;
  for (const PipelineView& pipeline : subject.pipelines()) {
    for (const IdView& id : pipeline.exporters) {
      const ComponentView* file = subject.find("exporters", id.id);
      if (file == nullptr || file->type != "file" || pipeline.exporters.size() < 2) continue;
      const ConfigNode* rotation = at(file->node, {"rotation"});
      const double most =
          static_cast<double>(count_at(rotation, {"max_megabytes"}, kDefaultMegabytes)) *
          static_cast<double>(count_at(rotation, {"max_backups"}, kDefaultBackups)) * 1e6;
      reporter.add(id.position,
                   fmt::format("{} in {}: written all the time, not only when the others fail, and "
                               "nothing sends it later; it grows to {}",
                               file->path(), pipeline.id,
                               rotation == nullptr ? "whatever the disk has" : format_bytes(most)),
                   "remove it, and give the other exporter a sending_queue::storage");
    }
  }
}

void find_fan_out_as_fallback(const Subject& subject, Reporter& reporter) {
  constexpr std::array<std::string_view, 5> kWords = {"fallback", "backup", "secondary", "standby",
                                                      "failover"};
  for (const PipelineView& pipeline : subject.pipelines()) {
    if (pipeline.exporters.size() < 2) continue;
    for (const IdView& id : pipeline.exporters) {
      const ComponentView* exporter = subject.find("exporters", id.id);
      const bool is_meant =
          std::ranges::any_of(kWords, [&](std::string_view word) { return id.id.contains(word); });
      if (exporter == nullptr || exporter->type == "file" || !is_meant) continue;
      reporter.add(id.position,
                   fmt::format("{}: \"{}\" is no fallback: every span goes to all exporters of a "
                               "pipeline, so that there are two of each",
                               pipeline.id, id.id),
                   "put both behind a failover connector, or remove it");
    }
  }
}

void find_duplicates_of_peers(const Subject& subject, Reporter& reporter) {
  for (const PipelineView& local : subject.pipelines()) {
    for (const IdView& id : local.exporters) {
      const ComponentView* peers = subject.find("exporters", id.id);
      if (peers == nullptr || peers->type != "load_balancing") continue;
      for (const PipelineView& remote : subject.pipelines()) {
        if (&remote == &local || remote.exports(id.id) || remote.receivers.empty()) continue;
        const auto shared = std::ranges::find_if(
            remote.exporters, [&](const IdView& each) { return local.exports(each.id); });
        if (shared == remote.exporters.end()) continue;
        reporter.add(
            id.position,
            fmt::format("{} sends to its peers and to \"{}\", and {} sends what peers sent "
                        "to \"{}\" too: the backend gets each span twice; a DNS name of "
                        "all peers includes this one",
                        local.id, shared->id, remote.id, shared->id),
            "send to the backend only what came from peers, or do not send it to peers");
      }
    }
  }
}

void find_missing_memory_limiters(const Subject& subject, Reporter& reporter) {
  for (const PipelineView& pipeline : subject.pipelines()) {
    const bool takes_from_outside = std::ranges::any_of(pipeline.receivers, [&](const IdView& id) {
      const ComponentView* receiver = subject.find("receivers", id.id);
      return receiver != nullptr && receiver->type != "ebpf";
    });
    if (!takes_from_outside || subject.processor_in(pipeline, "memory_limiter") != nullptr)
      continue;
    reporter.add(pipeline.position,
                 fmt::format("{}: nothing refuses spans when memory is short: the kernel ends the "
                             "process, and all that waits in it is lost",
                             pipeline.id),
                 "put a memory_limiter first in processors");
  }
}

void find_late_memory_limiters(const Subject& subject, Reporter& reporter) {
  for (const auto& [pipeline, index, limiter] : subject.processors("memory_limiter")) {
    if (index == 0) continue;
    reporter.add(pipeline.processors[index].position,
                 fmt::format("{}: what {} refuses has already been through {}", pipeline.id,
                             limiter.path(), pipeline.processors[index - 1].id),
                 "put it first in processors");
  }
}

void find_debug_output(const Subject& subject, Reporter& reporter) {
  for (const ComponentView* exporter : subject.used("exporters", "debug")) {
    const bool is_detailed = text_at(exporter->node, {"verbosity"}) == "detailed";
    reporter.add(is_detailed ? Severity::kWarning : Severity::kInfo,
                 place_of(*exporter, {"verbosity"}),
                 fmt::format("{} writes {} to the log", exporter->path(),
                             is_detailed ? "every attribute of every span" : "a line per batch"),
                 "take it out of the pipelines where this is not a test");
  }
}

}  // namespace kernspan::doctor
