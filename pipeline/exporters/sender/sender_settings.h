#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "pipeline/component/config_reader.h"
#include "pipeline/exporters/sender/retry_policy.h"

namespace kernspan {

// What queue_size counts.
enum class QueueSizer { kRequests, kItems, kBytes };

// Joining what waits in the queue; a request never gets larger than max_size.
struct QueueBatchSettings {
  bool enabled = false;
  std::chrono::nanoseconds flush_timeout = std::chrono::milliseconds{200};
  QueueSizer sizer = QueueSizer::kItems;  // items or bytes
  std::uint64_t min_size = 8192;
  std::uint64_t max_size = 0;  // 0: none
};

struct QueueSettings {
  bool enabled = true;  // false: the caller waits until its batch was sent or has failed
  std::uint32_t num_consumers = 10;  // batches being sent, or waiting to be sent again, at a time
  std::uint64_t queue_size = 1000;   // waiting and being sent
  QueueSizer sizer = QueueSizer::kRequests;
  bool block_on_overflow = false;
  bool wait_for_result = false;
  QueueBatchSettings batch = {};
  std::string storage = {};  // the id of an extension; empty: the queue is in memory
  ConfigPosition storage_position = {};
};

// What OTLP receivers take when nobody has configured them: gRPC's limit of a message.
inline constexpr std::uint64_t kDefaultMaxRequestBytes = 4 << 20;

struct SenderSettings {
  std::chrono::nanoseconds timeout = std::chrono::seconds{5};  // per attempt; 0: none
  RetrySettings retry = {};
  QueueSettings queue = {};
  // A batch that is larger, uncompressed, is sent in several requests. 0: no bound.
  std::uint64_t max_request_bytes = kDefaultMaxRequestBytes;
};

// Reads `timeout`, `retry_on_failure`, `sending_queue` and `max_request_bytes`; problems go to the
// reader. What `settings` holds are the defaults.
void read_sender_settings(ConfigReader& reader, SenderSettings* settings);

}  // namespace kernspan
