// For any interleaving, on one replica or several, the result is what somebody makes of it who sees
// all spans at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "pipeline/otlp/span_filter.h"
#include "tests/unit/gateway/stitch/stitch_story.h"

namespace kernspan::stitch {
namespace {

using namespace std::chrono_literals;

using Random = std::mt19937;

unsigned pick(Random& random, unsigned below) {
  return std::uniform_int_distribution<unsigned>(0, below - 1)(random);
}

// Traces that call each other, as all agents together would tell them.
struct World {
  std::vector<ToldSpan> spans;

  // Chains of up to 20 calls; of some traces the caller was never seen.
  explicit World(Random& random) {
    unsigned next_span = 1;
    struct Trace {
      unsigned number;
      bool derived;
      unsigned depth;
    };
    std::vector<Trace> traces;
    const unsigned count = 2 + pick(random, 28);
    const bool deep = pick(random, 2) == 0;
    for (unsigned i = 0; i < count; ++i) {
      const bool derived = i != 0 && pick(random, 8) != 0;
      Trace trace{.number = i + 1, .derived = derived, .depth = 0};
      if (derived && pick(random, 10) != 0) {
        const Trace& caller = deep ? traces.back() : traces[pick(random, i)];
        if (caller.depth < 20) {
          call(random, caller.number, trace.number);
          trace.depth = caller.depth + 1;
        }
      }
      const unsigned root = next_span++;
      spans.push_back({.trace = trace.number, .span = root, .derived = derived});
      for (unsigned j = pick(random, 4); j != 0; --j) {
        spans.push_back({.trace = trace.number,
                         .span = next_span++,
                         .parent = root,
                         .derived = derived,
                         .links_itself = pick(random, 4) == 0});
      }
      traces.push_back(trace);
    }
  }

  // One of the caller's spans that calls nobody yet, or a new one.
  void call(Random& random, unsigned caller, unsigned callee) {
    std::vector<ToldSpan*> free;
    ToldSpan* any = nullptr;
    for (ToldSpan& span : spans) {
      if (span.trace != caller) continue;
      any = &span;
      if (span.calls == 0) free.push_back(&span);
    }
    if (!free.empty()) {
      free[pick(random, static_cast<unsigned>(free.size()))]->calls = callee;
      return;
    }
    ToldSpan another = *any;
    another.span = 10'000 + callee;
    another.parent = any->span;
    another.calls = callee;
    another.links_itself = false;
    spans.push_back(another);
  }

  std::vector<std::string> joined() const {
    std::map<unsigned, const ToldSpan*> callers;
    for (const ToldSpan& span : spans) {
      if (span.calls != 0) callers[span.calls] = &span;
    }
    std::vector<std::string> texts;
    for (const ToldSpan& told : spans) {
      ToldSpan span = told;
      bool wire = false;
      for (auto caller = callers.find(span.trace); caller != callers.end();
           caller = callers.find(span.trace)) {
        if (span.trace == told.trace && span.parent == 0) {
          span.parent = caller->second->span;
          wire = true;
        }
        span.trace = caller->second->trace;
        span.derived = caller->second->derived;
      }
      if (span.trace != told.trace || !span.derived) span.calls = 0;
      otlp::ReferenceRequest request = request_of({span});
      auto& result = *request.mutable_resource_spans(0)->mutable_scope_spans(0)->mutable_spans(0);
      if (wire) {
        auto& attribute = *result.add_attributes();
        attribute.set_key(std::string(kLinkEvidenceKey));
        attribute.mutable_value()->set_string_value("wire");
      }
      texts.push_back(text_of(result));
    }
    std::ranges::sort(texts);
    return texts;
  }

  // The spans in requests of one to five, in any order.
  std::vector<std::vector<ToldSpan>> shuffled(Random& random) const {
    std::vector<ToldSpan> rest = spans;
    std::ranges::shuffle(rest, random);
    std::vector<std::vector<ToldSpan>> requests;
    while (!rest.empty()) {
      const std::size_t size = std::min<std::size_t>(rest.size(), 1 + pick(random, 5));
      requests.emplace_back(rest.end() - static_cast<std::ptrdiff_t>(size), rest.end());
      rest.resize(rest.size() - size);
    }
    return requests;
  }
};

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
