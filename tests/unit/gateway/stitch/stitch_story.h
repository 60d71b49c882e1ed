// Spans as a test tells them, and a stitcher without threads: what came out of it so far.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/stitch/intake.h"
#include "gateway/stitch/stitch_table.h"
#include "gateway/stitch/stitch_writer.h"
#include "pipeline/base/metrics.h"
#include "pipeline/base/wire_identity.h"
#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan::stitch {

inline TraceId trace_id(unsigned number) {
  TraceId id;
  for (std::size_t i = 0; i < 4; ++i) id.bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
  id.bytes[15] = 0xA0;
  return id;
}
inline SpanId span_id(unsigned number) {
  SpanId id;
  for (std::size_t i = 0; i < 4; ++i) id.bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
  id.bytes[7] = 0x50;
  return id;
}
inline unsigned number_of(std::string_view id) {
  unsigned number = 0;
  for (std::size_t i = 0; i < 4 && i < id.size(); ++i) {
    number |= static_cast<unsigned>(static_cast<std::uint8_t>(id[i])) << (8 * i);
  }
  return number;
}

struct ToldSpan {
  unsigned trace = 0;
  unsigned span = 0;
  unsigned parent = 0;   // 0: none
  bool derived = false;  // of its trace
  unsigned calls = 0;    // the derived trace that it announces; 0: none
  bool links_itself = false;
  std::string node = "n";
  std::uint64_t start = 1000;
  std::uint64_t end = 2000;
};

inline void add_to(otlp::ReferenceRequest& request, const ToldSpan& told) {
  auto& resource = *request.add_resource_spans();
  auto& node = *resource.mutable_resource()->add_attributes();
  node.set_key("host.name");
  node.mutable_value()->set_string_value(told.node);
  auto& span = *resource.add_scope_spans()->add_spans();
  span.set_trace_id(std::string(trace_id(told.trace).view()));
  span.set_span_id(std::string(span_id(told.span).view()));
  if (told.parent != 0) span.set_parent_span_id(std::string(span_id(told.parent).view()));
  span.set_name("GET /cart");
  span.set_start_time_unix_nano(told.start);
  span.set_end_time_unix_nano(told.end);
  const auto add = [&](std::string_view key) {
    auto& attribute = *span.add_attributes();
    attribute.set_key(std::string(key));
    return attribute.mutable_value();
  };
  add("http.route")->set_string_value("/cart");
  if (told.derived) add(kStitchDerivedKey)->set_bool_value(true);
  if (told.calls != 0) add(kStitchPeerTraceIdKey)->set_string_value(trace_id(told.calls).hex());
  if (told.links_itself) {
    auto& link = *span.add_links();
    link.set_trace_id(span.trace_id());
    link.set_span_id(span.span_id());
  }
}

inline otlp::ReferenceRequest request_of(const std::vector<ToldSpan>& spans) {
  otlp::ReferenceRequest request;
  for (const ToldSpan& span : spans) add_to(request, span);
  return request;
}

inline otlp::Batch batch_of(const std::vector<ToldSpan>& spans) {
  auto batch = otlp::Batch::from_wire(request_of(spans).SerializeAsString());
  EXPECT_TRUE(batch) << batch.error().message;
  return *std::move(batch);
}

// "trace/span<parent derived calls=N wire link=T": what of a span concerns stitching.
inline std::string text_of(const opentelemetry::proto::trace::v1::Span& span) {
  std::string text =
      std::to_string(number_of(span.trace_id())) + "/" + std::to_string(number_of(span.span_id()));
  if (!span.parent_span_id().empty()) {
    text += "<" + std::to_string(number_of(span.parent_span_id()));
  }
  for (const auto& attribute : span.attributes()) {
    if (attribute.key() == kStitchDerivedKey) text += " derived";
    if (attribute.key() == kLinkEvidenceKey) text += " " + attribute.value().string_value();
    if (attribute.key() == kStitchPeerTraceIdKey) {
      const auto id = TraceId::from_hex(attribute.value().string_value());
      text += " calls=" + std::to_string(id ? number_of(id->view()) : 0);
    }
  }
  for (const auto& link : span.links()) {
    text += " link=" + std::to_string(number_of(link.trace_id()));
  }
  return text;
}

inline otlp::ReferenceRequest parsed(const otlp::Batch& batch) {
  otlp::ReferenceRequest request;
  EXPECT_TRUE(request.ParseFromString(std::string(batch.joined().view())));
  return request;
}

inline std::vector<std::string> texts_of(const otlp::ReferenceRequest& request) {
  std::vector<std::string> texts;
  for (const auto& resource : request.resource_spans()) {
    for (const auto& scope : resource.scope_spans()) {
      for (const auto& span : scope.spans()) texts.push_back(text_of(span));
    }
  }
  return texts;
}

// One stitcher, or one of several replicas.
class StitchStory {
 public:
  explicit StitchStory(const StitchSettings& settings = {}, OwnsTrace owns = {})
      : settings_(settings),
        counters_(metrics_, {}),
        table_(settings, KeyedIdHash(42), counters_, std::move(owns)) {}

  void comes(const std::vector<ToldSpan>& spans) { take(batch_of(spans), false); }

  // Spans of derived traces that go elsewhere stay in elsewhere().
  void take(otlp::Batch batch, bool from_peer) {
    Intake intake = sort_out(std::move(batch), from_peer, settings_.keep_announcements);
    out(intake.plain);
    keep(std::move(intake.derived), intake.announcements);
  }
  void keep(otlp::Batch derived, const std::vector<Announcement>& announcements) {
    std::vector<Ready> ready;
    for (const Announcement& each : announcements) table_.add_announcement(each, now_, ready);
    if (!derived.empty()) {
      table_.add_spans(std::make_shared<Source>(derived), now_, ready);
    }
    deliver(std::move(ready));
  }
  void passes(std::chrono::nanoseconds time) {
    now_ += static_cast<std::uint64_t>(time.count());
    std::vector<Ready> ready;
    table_.expire(now_, ready);
    deliver(std::move(ready));
  }
  void ends() {
    std::vector<Ready> ready;
    table_.release_all(ready);
    deliver(std::move(ready));
  }
  void deliver(std::vector<Ready> ready) {
    std::vector<Ready> here;
    std::vector<Ready> others;
    for (Ready& each : ready) {
      (each.fate == Fate::kElsewhere ? others : here).push_back(std::move(each));
    }
    out(write_ready(std::move(here), settings_, counters_));
    elsewhere_.append(write_ready(std::move(others), settings_, counters_));
  }

  // What has come out since the last call, in order of the alphabet.
  std::vector<std::string> out() {
    std::ranges::sort(texts_);
    return std::exchange(texts_, {});
  }
  const otlp::ReferenceRequest& last() const { return last_; }
  otlp::Batch elsewhere() { return std::exchange(elsewhere_, otlp::Batch()); }

  double count(const std::string& name, const std::string& outcome) const {
    return metrics_.value(name, {{"outcome", outcome}}).value_or(-1);
  }
  double count(const std::string& name) const { return metrics_.value(name).value_or(-1); }

  StitchTable& table() { return table_; }

 private:
  void out(const otlp::Batch& batch) {
    if (batch.empty()) return;
    last_ = parsed(batch);
    const auto texts = texts_of(last_);
    EXPECT_EQ(texts.size(), batch.item_count());
    texts_.insert(texts_.end(), texts.begin(), texts.end());
  }

  const StitchSettings settings_;
  Metrics metrics_;
  StitchCounters counters_;
  StitchTable table_;
  std::uint64_t now_ = 1'000'000'000;
  std::vector<std::string> texts_;
  otlp::ReferenceRequest last_;
  otlp::Batch elsewhere_;
};

}  // namespace kernspan::stitch
