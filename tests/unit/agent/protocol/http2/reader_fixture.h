// A DirectionReader and its log, fed with frames or items.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "agent/protocol/http2/direction_reader.h"
#include "tests/unit/agent/protocol/http2/direction_log.h"
#include "tests/unit/agent/protocol/http2/item_writer.h"
#include "tests/unit/agent/protocol/http2/wire.h"

namespace kernspan::http2 {

class ReaderTest : public testing::Test {
 protected:
  using Lines = std::vector<std::string>;

  // The next record; what the reader says to it.
  Lines feed(const std::string& items) {
    reader_->feed(ordinal_++, items, log_);
    return log_.take();
  }
  // A record in which the frames stand whole.
  Lines send(const std::string& frames) { return feed(FrameItems().transfer(frames)); }
  Lines send_block(const std::string& block) { return send(headers_frames(1, block)); }
  void start() { feed(start_item()); }
  void lose_records(std::uint32_t count) { ordinal_ += count; }
  void limit(DirectionLimits limits) { reader_.emplace(limits); }
  const DirectionCounters& counters() const { return reader_->counters(); }

  std::optional<DirectionReader> reader_{std::in_place};
  DirectionLog log_;
  std::uint32_t ordinal_ = 0;
};

}  // namespace kernspan::http2
