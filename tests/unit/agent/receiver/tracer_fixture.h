// A tracer that a test tells events to, and whose spans it reads.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <vector>

#include "agent/receiver/tracer.h"
#include "pipeline/otlp/json_reader.h"
#include "pipeline/otlp/json_writer.h"
#include "tests/unit/agent/receiver/event_story.h"

namespace kernspan {

using otlp::SpanRecord;

inline constexpr StoryThread kClientThread{.tgid = 900001, .tid = 900001};
inline constexpr StoryThread kServerThread{.tgid = 900002, .tid = 900002};

class TracerTest : public testing::Test {
 protected:
  TracerTest() { remake({}); }

  void remake(TracerSettings settings) {
    // A proc root without processes: names come from the events, none of which are sent here.
    process::ProcessTable::Settings table;
    table.proc_root = "/nonexistent-proc";
    processes_ = std::make_unique<process::ProcessTable>(
        table, process::HostInfo{}, [this] { return story_ ? story_->now_ns : 0; });
    tracer_ = std::make_unique<Tracer>(
        std::move(settings), *processes_, process::HostInfo{}, [this] { return ++next_id_; },
        [this](std::uint32_t tgid, bool ignore) { ignored_[tgid] = ignore; });
    story_ = std::make_unique<EventStory>(*tracer_);
  }

  // The spans that are due by now, in the order in which they were written.
  std::vector<SpanRecord> spans() {
    tracer_->flush(story_->now_ns, wall_offset_ns_, encoder_);
    return take();
  }
  std::vector<SpanRecord> spans_after_wait() {
    story_->pass_ms(5000);
    return spans();
  }
  std::vector<SpanRecord> finish() {
    tracer_->finish(story_->now_ns, encoder_);
    return take();
  }
  std::vector<SpanRecord> take() {
    std::string json;
    otlp::append_json(encoder_.take(), json);
    if (json.empty()) return {};
    auto parsed = otlp::parse_json_spans(json);
    EXPECT_TRUE(parsed.has_value()) << parsed.error().message;
    return *parsed;
  }
  const ConnCounters& conn() const { return tracer_->counters().connections; }

  std::uint64_t next_id_ = 0;
  std::map<std::uint32_t, bool> ignored_;
  std::int64_t wall_offset_ns_ = 1'700'000'000'000'000'000;
  std::unique_ptr<process::ProcessTable> processes_;
  std::unique_ptr<Tracer> tracer_;
  std::unique_ptr<EventStory> story_;
  otlp::RequestEncoder encoder_;
};

}  // namespace kernspan
