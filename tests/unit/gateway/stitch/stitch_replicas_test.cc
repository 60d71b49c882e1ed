// The processor in a tier of several: who owns a trace joins it, and when the ring changes what is
// known goes along.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "gateway/stitch/stitch_processor.h"
#include "tests/unit/gateway/stitch/stitch_story.h"
#include "tests/unit/gateway/stitch/stitch_world.h"
#include "tests/unit/pipeline/component_stage.h"

namespace kernspan::stitch {
namespace {

using namespace std::chrono_literals;

// Rings here do not notice that a member has stopped: what is meant for it is offered until the end.
constexpr auto kStop = 100ms;

// Rings that are connected by calls. Any thread.
class Tier {
 public:
  explicit Tier(unsigned members)
      : channels_(members), calls_(members), ticker_([this](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            tick();
            std::this_thread::sleep_for(5ms);  // as real rings tick
          }
        }) {}

  // Now and then a queue is full.
  void be_busy(bool busy) { busy_ = busy; }
  void turn(unsigned turn) {
    turn_ = turn;
    for (unsigned member = 0; member < channels_.size(); ++member) {
      with(member, [](ReplicaRing::Channel& channel) { channel.ring_changed(); });
    }
  }
  void tick() {
    for (unsigned member = 0; member < channels_.size(); ++member) {
      with(member, [](ReplicaRing::Channel& channel) { channel.tick(); });
    }
  }

  class Ring;

 private:
  friend class Ring;

  // False when the member's channel is not open.
  bool with(unsigned member, const std::function<void(ReplicaRing::Channel&)>& call) {
    ReplicaRing::Channel* channel = nullptr;
    {
      const std::scoped_lock lock(mutex_);
      channel = channels_[member];
      if (channel == nullptr) return false;
      ++calls_[member];
    }
    call(*channel);
    const std::scoped_lock lock(mutex_);
    --calls_[member];
    ended_.notify_all();
    return true;
  }
  void open(unsigned member, ReplicaRing::Channel& channel) {
    const std::scoped_lock lock(mutex_);
    channels_[member] = &channel;
  }
  // Waits for calls in progress.
  void close(unsigned member) {
    std::unique_lock lock(mutex_);
    channels_[member] = nullptr;
    ended_.wait(lock, [&] { return calls_[member] == 0; });
  }

  std::mutex mutex_;
  std::condition_variable ended_;
  std::vector<ReplicaRing::Channel*> channels_;
  std::vector<int> calls_;
  std::atomic<unsigned> turn_{0};
  std::atomic<bool> busy_{false};
  std::atomic<unsigned> sent_{0};
  std::jthread ticker_;  // last: it uses the above
};

// The ring as one member sees it: itself is 0.
class Tier::Ring final : public ReplicaRing {
 public:
  Ring(Tier& tier, unsigned self) : tier_(tier), self_(self) {}

  std::shared_ptr<const View> view() const override {
    const std::scoped_lock lock(mutex_);
    if (view_ == nullptr || view_->generation() != tier_.turn_) {
      view_ = std::make_shared<const TierView>(self_, tier_.channels_.size(), tier_.turn_);
    }
    return view_;
  }
  std::unique_ptr<Port> open(const std::string&, Channel& channel) override {
    tier_.open(self_, channel);
    return std::make_unique<TierPort>(tier_, self_, channel);
  }
  std::chrono::nanoseconds settle_window() const override { return 1ms; }
  std::uint32_t max_hops() const override { return 3; }

 private:
  class TierView final : public View {
   public:
    TierView(unsigned self, std::size_t size, unsigned turn)
        : self_(self), size_(static_cast<unsigned>(size)), turn_(turn) {}
    Member owner(const TraceId& id) const override {
      return ((id.bytes[0] * 7U + turn_) % size_ + size_ - self_) % size_;
    }
    std::size_t size() const override { return size_; }
    std::uint64_t generation() const override { return turn_; }

   private:
    const unsigned self_;
    const unsigned size_;
    const unsigned turn_;
  };

  class TierPort final : public Port {
   public:
    TierPort(Tier& tier, unsigned self, Channel& channel)
        : tier_(tier), self_(self), channel_(channel) {}
    ~TierPort() override { tier_.close(self_); }

    Status send(const View& view, std::vector<Parcel>& parcels) override {
      if (tier_.busy_ && ++tier_.sent_ % 3 == 0) return retryable("the queue is full");
      for (Parcel& parcel : parcels) {
        const auto to = static_cast<unsigned>((parcel.to + self_) % view.size());
        const std::size_t spans = parcel.hand_off.spans.item_count();
        HandOff copy{.hops = parcel.hand_off.hops,
                     .age = parcel.hand_off.age,
                     .spans = parcel.hand_off.spans.clone(),
                     .ages = parcel.hand_off.ages,
                     .decided = parcel.hand_off.decided};
        bool taken = false;
        tier_.with(to, [&](Channel& peer) { taken = peer.take(std::move(copy)).has_value(); });
        if (taken) {
          channel_.delivered(spans);
        } else {
          channel_.undelivered(std::move(parcel.hand_off));
        }
      }
      return {};
    }

   private:
    Tier& tier_;
    const unsigned self_;
    Channel& channel_;
  };

  Tier& tier_;
  const unsigned self_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const View> view_;
};

struct Replica {
  Replica(Tier& tier, unsigned self, const StitchSettings& settings, Consumer& next)
      : ring(tier, self), processor(stage.context(), settings, next, &ring) {
    EXPECT_TRUE(processor.start());
  }

  ComponentStage stage{"stitch"};
  Tier::Ring ring;
  StitchProcessor processor;
};

class StitchReplicasTest : public ::testing::Test {
 protected:
  void start(unsigned count, const StitchSettings& settings = {.wait = 1h}) {
    tier_ = std::make_unique<Tier>(count);
    for (unsigned i = 0; i < count; ++i) {
      replicas_.push_back(std::make_unique<Replica>(*tier_, i, settings, next_));
    }
  }
  // A full queue is not the end of it.
  void send(unsigned to, const std::vector<ToldSpan>& spans) {
    while (!replicas_[to]->processor.consume(batch_of(spans))) std::this_thread::yield();
  }
  bool wait_for_spans(std::size_t spans) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (next_.spans() < spans && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(1ms);  // what it waits for is other threads' work
    }
    return next_.spans() >= spans;
  }
  void stop() {
    for (auto& replica : replicas_) {
      replica->processor.stop(std::chrono::steady_clock::now() + kStop);
    }
  }
  void check_books(std::uint64_t spans) {
    std::uint64_t taken = 0;
    std::uint64_t passed_on = 0;
    for (auto& replica : replicas_) {
      const StageBalance balance = replica->stage.books.balance();
      EXPECT_TRUE(balance.balances()) << balance.difference();
      EXPECT_EQ(balance.held, 0U);
      taken += balance.taken;
      passed_on += balance.passed_on;
    }
    EXPECT_EQ(taken, spans);
    EXPECT_EQ(passed_on, spans);
  }
  std::vector<std::string> out() {
    otlp::ReferenceRequest request;
    EXPECT_TRUE(request.ParseFromString(next_.bytes()));
    auto texts = texts_of(request);
    std::ranges::sort(texts);
    return texts;
  }

  RememberingConsumer next_;
  std::unique_ptr<Tier> tier_;
  std::vector<std::unique_ptr<Replica>> replicas_;
};

TEST_F(StitchReplicasTest, BothEndsMeetWhereverTheyComeIn) {
  start(3);
  unsigned callee = 100;
  for (unsigned client = 0; client < 3; ++client) {
    for (unsigned server = 0; server < 3; ++server, callee += 2) {
      send(client, {{.trace = 1, .span = callee, .calls = callee}});
      send(server, {{.trace = callee, .span = callee + 1, .derived = true}});
    }
  }
  ASSERT_TRUE(wait_for_spans(18));
  for (const std::string& text : out()) EXPECT_THAT(text, ::testing::StartsWith("1/"));
  stop();
  check_books(18);
}

// Each of the two knows one half of it, at first; the one that comes to know both refuses the second
// announcement, and what waits for that goes on when it has waited long enough.
TEST_F(StitchReplicasTest, ACircleOfCallersEnds) {
  start(2, {.wait = 200ms});
  send(0, {{.trace = 100, .span = 1, .derived = true, .calls = 101}});
  send(1, {{.trace = 101, .span = 2, .derived = true, .calls = 100}});
  ASSERT_TRUE(wait_for_spans(2));
  EXPECT_THAT(out(), ::testing::Each(::testing::HasSubstr("derived")));
  EXPECT_THAT(next_.bytes(), ::testing::Not(::testing::HasSubstr("kernspan.stitch.links")));
  stop();
  check_books(2);
}

TEST_F(StitchReplicasTest, AnyOrderAndAnyRingGiveTheAllSeeingJoin) {
  for (unsigned seed = 0; seed < 16; ++seed) {
    Random random(seed);
    const World world(random, true);
    RememberingConsumer next;
    const unsigned count = 2 + pick(random, 3);
    Tier tier(count);
    std::vector<std::unique_ptr<Replica>> replicas;
    for (unsigned i = 0; i < count; ++i) {
      replicas.push_back(std::make_unique<Replica>(tier, i, StitchSettings{.wait = 1h}, next));
    }
    tier.be_busy(seed % 2 == 0);
    for (const auto& request : world.shuffled(random)) {
      const unsigned to = pick(random, count);
      while (!replicas[to]->processor.consume(batch_of(request))) std::this_thread::yield();
      if (pick(random, 4) == 0) tier.turn(pick(random, 10));
    }
    tier.be_busy(false);
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (next.spans() < world.spans.size() && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(1ms);  // what it waits for is other threads' work
    }
    otlp::ReferenceRequest request;
    ASSERT_TRUE(request.ParseFromString(next.bytes()));
    auto texts = texts_of(request);
    std::ranges::sort(texts);
    ASSERT_EQ(texts, world.joined()) << "seed " << seed;
    for (auto& replica : replicas) {
      replica->processor.stop(std::chrono::steady_clock::now() + kStop);
    }
    for (auto& replica : replicas) {
      const StageBalance balance = replica->stage.books.balance();
      EXPECT_TRUE(balance.balances()) << balance.difference();
      EXPECT_EQ(balance.held, 0U);
    }
  }
}

TEST_F(StitchReplicasTest, AReplicaThatStopsReleasesOnlyWhatNobodyTakes) {
  start(2);
  send(0, {{.trace = 100, .span = 1, .derived = true}, {.trace = 101, .span = 2, .derived = true}});
  stop();
  EXPECT_EQ(out().size(), 2U);
  check_books(2);
}

}  // namespace
}  // namespace kernspan::stitch
