// For any interleaving, on one replica or several, the result is what somebody makes of it who sees
// all spans at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/otlp/span_filter.h"
#include "tests/unit/gateway/stitch/stitch_story.h"
#include "tests/unit/gateway/stitch/stitch_world.h"

namespace kernspan::stitch {
namespace {

using namespace std::chrono_literals;

TEST(StitchPermutationTest, AnyOrderGivesWhatAnAllSeeingJoinGives) {
  for (unsigned seed = 0; seed < 400; ++seed) {
    Random random(seed);
    const World world(random);
    StitchStory story({.wait = 5s});
    for (const auto& request : world.shuffled(random)) {
      story.comes(request);
      story.passes(std::chrono::milliseconds(pick(random, 20)));
    }
    story.passes(1h);
    EXPECT_EQ(story.out(), world.joined()) << "seed " << seed;
    EXPECT_EQ(story.table().waiting_bytes(), 0U);
    EXPECT_EQ(story.table().waiting_traces(), 0U);
  }
}

// Replicas that hand each other what they do not own, by a ring that may change.
class Replicas {
 public:
  Replicas(unsigned count, unsigned ring) : ring_(ring) {
    for (unsigned i = 0; i < count; ++i) {
      stories_.push_back(std::make_unique<StitchStory>(
          StitchSettings{.wait = 5s}, [this, i](const TraceId& id) { return owner(id) == i; }));
    }
  }

  void comes(unsigned to, const std::vector<ToldSpan>& spans) {
    Intake intake = sort_out(batch_of(spans), false, false);
    if (!intake.plain.empty()) {
      const auto texts = texts_of(parsed(intake.plain));
      texts_.insert(texts_.end(), texts.begin(), texts.end());
    }
    route(std::move(intake.derived), to);
    announce(intake.announcements, to);
  }

  void ring_changes(unsigned ring) {
    ring_ = ring;
    for (unsigned i = 0; i < stories_.size(); ++i) {
      std::vector<Ready> ready;
      std::vector<Announcement> announcements;
      stories_[i]->table().give_up([&](const TraceId& id) { return owner(id) == i; }, ready,
                                   announcements);
      stories_[i]->deliver(std::move(ready));
      announce(announcements, i);
    }
    settle();
  }

  void pass(std::chrono::nanoseconds time) {
    for (auto& story : stories_) story->passes(time);
    settle();
  }

  std::vector<std::string> out() {
    for (auto& story : stories_) {
      const auto texts = story->out();
      texts_.insert(texts_.end(), texts.begin(), texts.end());
    }
    std::ranges::sort(texts_);
    return texts_;
  }

 private:
  unsigned owner(const TraceId& id) const {
    return (id.bytes[0] * 7U + ring_) % static_cast<unsigned>(stories_.size());
  }

  void route(otlp::Batch derived, unsigned from) {
    if (derived.empty()) return;
    for (unsigned i = 0; i < stories_.size(); ++i) {
      otlp::Batch own =
          otlp::filter_spans(derived.clone(), [&](const otlp::SpanIndex& index, std::size_t span) {
            return owner(index.spans()[span].trace_id) == i;
          });
      if (!own.empty()) stories_[i]->take(std::move(own), i != from);
    }
    settle();
  }

  void announce(const std::vector<Announcement>& announcements, unsigned from) {
    for (const Announcement& each : announcements) {
      const unsigned to = owner(each.peer);
      if (to == from) {
        stories_[to]->keep({}, {each});
      } else {
        stories_[to]->take(encode_announcements(std::vector{each}), true);
      }
    }
    settle();
  }

  void settle() {
    for (unsigned i = 0; i < stories_.size(); ++i) {
      if (otlp::Batch batch = stories_[i]->elsewhere(); !batch.empty()) route(std::move(batch), i);
    }
  }

  unsigned ring_;
  std::vector<std::unique_ptr<StitchStory>> stories_;
  std::vector<std::string> texts_;
};

TEST(StitchPermutationTest, AnyNumberOfReplicasGivesTheSame) {
  for (unsigned seed = 0; seed < 400; ++seed) {
    Random random(seed);
    const World world(random);
    const unsigned count = 1 + pick(random, 4);
    Replicas replicas(count, pick(random, 10));
    for (const auto& request : world.shuffled(random)) {
      replicas.comes(pick(random, count), request);
      if (pick(random, 4) == 0) replicas.ring_changes(pick(random, 10));
      replicas.pass(std::chrono::milliseconds(pick(random, 10)));
    }
    replicas.pass(1h);
    EXPECT_EQ(replicas.out(), world.joined()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace kernspan::stitch
