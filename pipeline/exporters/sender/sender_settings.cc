#include "pipeline/exporters/sender/sender_settings.h"

namespace kernspan {
namespace {

using std::chrono::nanoseconds;

void read_retry(ConfigReader& reader, RetrySettings* retry) {
  reader.boolean("enabled", &retry->enabled);
  reader.duration("initial_interval", &retry->initial_interval);
  reader.number("randomization_factor", &retry->randomization_factor, 0, 1);
  reader.number("multiplier", &retry->multiplier, 1, 1000);
  reader.duration("max_interval", &retry->max_interval);
  reader.duration("max_elapsed_time", &retry->max_elapsed_time);
  if (!retry->enabled) return;
  // The collector's rule: a bound that ends before the first wait would mean no retry at all.
  if (retry->max_elapsed_time > nanoseconds{0}) {
    if (retry->max_elapsed_time < retry->initial_interval) {
      reader.error("max_elapsed_time",
                   "is shorter than initial_interval: raise it, or set 0 for no bound");
    } else if (retry->max_elapsed_time < retry->max_interval) {
      reader.error("max_elapsed_time",
                   "is shorter than max_interval: raise it, or set 0 for no bound");
    }
  }
}

void not_supported(ConfigReader& reader, std::string_view key, std::string_view instead) {
  if (reader.node(key) != nullptr) reader.error(key, instead);
}

// Upstream's rules and, where it has them, its words.
void read_batch(ConfigReader& reader, const QueueSettings& queue, QueueBatchSettings* batch) {
  batch->enabled = true;
  if (queue.sizer != QueueSizer::kRequests) batch->sizer = queue.sizer;
  reader.duration("flush_timeout", &batch->flush_timeout, nanoseconds{1});
  reader.choice("sizer", &batch->sizer,
                {{"items", QueueSizer::kItems}, {"bytes", QueueSizer::kBytes}});
  reader.integer<std::uint64_t>("min_size", &batch->min_size);
  reader.integer<std::uint64_t>("max_size", &batch->max_size);
  not_supported(reader, "partition", "partitions by metadata are not supported: remove the key");
  if (batch->max_size != 0 && batch->max_size < batch->min_size) {
    reader.error("max_size", "must be greater than or equal to min_size");
  }
  if (batch->sizer == queue.sizer && batch->min_size > queue.queue_size) {
    reader.error("min_size", "must be less than or equal to queue_size: it would never be reached");
  }
}

void read_storage(ConfigReader& reader, QueueSettings* queue) {
  reader.string("storage", &queue->storage);
  if (queue->storage.empty()) return;
  queue->storage_position = reader.node("storage")->position();
  if (!queue->enabled) {
    reader.warning("storage", "has no effect while the queue is not enabled");
    queue->storage.clear();
  } else if (queue->wait_for_result) {
    reader.error("wait_for_result",
                 "cannot be used with storage: what is on disk may be sent by a later process");
  }
}

void read_queue(ConfigReader& reader, QueueSettings* queue) {
  constexpr std::uint32_t kMaxConsumers = 1000;
  reader.boolean("enabled", &queue->enabled);
  reader.integer<std::uint32_t>("num_consumers", &queue->num_consumers, 1, kMaxConsumers);
  reader.integer<std::uint64_t>("queue_size", &queue->queue_size, 1);
  reader.choice("sizer", &queue->sizer,
                {{"requests", QueueSizer::kRequests},
                 {"items", QueueSizer::kItems},
                 {"bytes", QueueSizer::kBytes}});
  reader.boolean("block_on_overflow", &queue->block_on_overflow);
  reader.boolean("wait_for_result", &queue->wait_for_result);
  read_storage(reader, queue);
  if (reader.has("batch")) read_batch(reader.section("batch"), *queue, &queue->batch);
}

}  // namespace

void read_sender_settings(ConfigReader& reader, SenderSettings* settings) {
  reader.duration("timeout", &settings->timeout);
  read_retry(reader.section("retry_on_failure"), &settings->retry);
  read_queue(reader.section("sending_queue"), &settings->queue);
  reader.bytes("max_request_bytes", &settings->max_request_bytes);
}

}  // namespace kernspan
