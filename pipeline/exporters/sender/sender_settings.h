#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "pipeline/component/config_reader.h"
#include "pipeline/exporters/sender/retry_policy.h"

namespace kernspan {

// What queue_size counts.
enum class QueueSizer { kRequests, kItems, kBytes };

struct QueueSettings {
  bool enabled = true;  // false: the caller waits until its batch was sent or has failed
  std::uint32_t num_consumers = 10;  // batches being sent, or waiting to be sent again, at a time
  std::uint64_t queue_size = 1000;   // waiting and being sent
  QueueSizer sizer = QueueSizer::kRequests;
  bool block_on_overflow = false;
  bool wait_for_result = false;
  std::string storage = {};  // the id of an extension; empty: the queue is in memory
  ConfigPosition storage_position = {};
};

struct SenderSettings {
  std::chrono::nanoseconds timeout = std::chrono::seconds{5};  // per attempt; 0: none
  RetrySettings retry = {};
  QueueSettings queue = {};
};

// Reads `timeout`, `retry_on_failure` and `sending_queue`; problems go to the reader.
void read_sender_settings(ConfigReader& reader, SenderSettings* settings);

}  // namespace kernspan
