// What is asked of spans when they come is what policies would ask of them when they decide.
#include "pipeline/processors/tail_sampling/span_facts.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/pipeline/otlp/reference_request.h"
#include "tests/unit/pipeline/processors/tail_sampling/policies/policies_fixture.h"

namespace kernspan::sampling {
namespace {

constexpr const char* kKeys[] = {"a", "b", "c"};
const std::string kLong(100, 'l');

// Every policy that asks nothing but facts, and every kind of question.
constexpr const char* kOfFacts = R"(
  {name: error, type: status_code, status_code: {status_codes: [ERROR]}},
  {name: ok, type: status_code, status_code: {status_codes: [OK, UNSET]}},
  {name: flags, type: trace_flags},
  {name: latency, type: latency, latency: {threshold_ms: 3}},
  {name: between, type: latency, latency: {threshold_ms: 1, upper_threshold_ms: 4}},
  {name: number, type: numeric_attribute, numeric_attribute: {key: a, min_value: 2}},
  {name: numbers, type: numeric_attribute,
   numeric_attribute: {key: b, min_value: -1, max_value: 1}},
  {name: not_number, type: numeric_attribute,
   numeric_attribute: {key: a, min_value: 1, max_value: 3, invert_match: true}},
  {name: text, type: string_attribute, string_attribute: {key: a, values: [x, y]}},
  {name: nothing, type: string_attribute, string_attribute: {key: a, values: ['']}},
  {name: not_text, type: string_attribute,
   string_attribute: {key: b, values: [x, zz], invert_match: true}},
  {name: yes, type: boolean_attribute, boolean_attribute: {key: c, value: true}},
  {name: no, type: boolean_attribute, boolean_attribute: {key: c, value: false}},
  {name: not_yes, type: boolean_attribute,
   boolean_attribute: {key: c, value: true, invert_match: true}},
  {name: count, type: span_count, span_count: {min_spans: 2, max_spans: 5}},
  {name: some, type: probabilistic, probabilistic: {sampling_percentage: 30}},
  {name: rate, type: rate_limiting, rate_limiting: {spans_per_second: 5}},
  {name: bytes, type: bytes_limiting, bytes_limiting: {bytes_per_second: 2000}},
  {name: both, type: and, and: {and_sub_policy: [
    {type: string_attribute, string_attribute: {key: c, values: [x]}},
    {type: status_code, status_code: {status_codes: [ERROR]}}]}},
  {name: opposite, type: not, not: {not_sub_policy:
    {type: numeric_attribute, numeric_attribute: {key: c, min_value: 1}}}},
  {name: drop, type: drop, drop: {drop_sub_policy: [
    {type: boolean_attribute, boolean_attribute: {key: a, value: true}},
    {type: trace_flags}]}},
  {name: composite, type: composite, composite: {max_total_spans_per_second: 20,
   composite_sub_policy: [
    {name: p, type: string_attribute, string_attribute: {key: b, values: [y]}},
    {name: q, type: latency, latency: {threshold_ms: 2}}]}})";
// And those that look at the spans themselves.
constexpr const char* kOfSpans = R"(,
  {name: pattern, type: string_attribute,
   string_attribute: {key: b, values: ['^l+$'], enabled_regex_matching: true}},
  {name: state, type: trace_state, trace_state: {key: k, values: [v]}},
  {name: ottl, type: ottl_condition, ottl_condition: {error_mode: ignore,
   span: ['attributes["a"] == 2']}})";

class RandomTraces {
 public:
  explicit RandomTraces(std::uint32_t seed) : random_(seed) {}

  std::size_t below(std::size_t bound) { return random_() % bound; }

  // Requests of one trace.
  std::vector<std::unique_ptr<otlp::SpanIndex>> make() {
    std::vector<std::unique_ptr<otlp::SpanIndex>> requests;
    for (char& byte : id_) byte = static_cast<char>(random_());
    for (std::size_t i = 1 + below(3); i != 0; --i) {
      otlp::ReferenceRequest request;
      for (std::size_t j = 1 + below(2); j != 0; --j) add_resource(request);
      requests.push_back(
          std::make_unique<otlp::SpanIndex>(*otlp::Batch::from_wire(request.SerializeAsString())));
    }
    return requests;
  }

 private:
  using AnyValue = opentelemetry::proto::common::v1::AnyValue;

  void fill(AnyValue& value) {
    switch (below(8)) {
      case 0:
        return;  // of no kind
      case 1:
        return value.set_bool_value(below(2) == 0);
      case 2:
      case 3:
        return value.set_int_value(static_cast<std::int64_t>(below(6)) - 2);
      case 4:
        return value.set_double_value(2);
      case 5:
        return value.mutable_array_value()->add_values()->set_string_value("x");
      default: {
        const std::string texts[] = {"x", "y", "", "zz", kLong};
        value.set_string_value(texts[below(std::size(texts))]);
      }
    }
  }
  // Some keys twice, most not at all.
  void add_attributes(auto& message) {
    for (std::size_t i = below(4); i != 0; --i) {
      auto& attribute = *message.add_attributes();
      attribute.set_key(below(3) == 0 ? "other" : kKeys[below(std::size(kKeys))]);
      if (below(10) != 0) fill(*attribute.mutable_value());
    }
  }
  void add_resource(otlp::ReferenceRequest& request) {
    auto& resource_spans = *request.add_resource_spans();
    if (below(3) == 0) add_attributes(*resource_spans.mutable_resource());
    auto& scope_spans = *resource_spans.add_scope_spans();
    for (std::size_t i = 1 + below(3); i != 0; --i) {
      auto& span = *scope_spans.add_spans();
      span.set_trace_id(id_);
      span.set_span_id("12345678");
      if (below(5) != 0) span.set_start_time_unix_nano(1'000'000 * (1'000 + below(4)));
      span.set_end_time_unix_nano(1'000'000 * (1'001 + below(4)));
      span.set_flags(below(8) == 0 ? 1 : 0x100);
      if (below(4) == 0) span.set_trace_state("k=v");
      if (below(3) == 0) {
        span.mutable_status()->set_code(
            static_cast<opentelemetry::proto::trace::v1::Status::StatusCode>(below(3)));
      }
      add_attributes(span);
    }
  }

  std::mt19937 random_;
  std::string id_ = std::string(16, '\1');
};

std::vector<HeldSpan> spans_of(const std::vector<std::unique_ptr<otlp::SpanIndex>>& requests) {
  std::vector<HeldSpan> spans;
  for (const auto& request : requests) {
    for (std::uint32_t i = 0; i < request->size(); ++i) spans.push_back({request.get(), i});
  }
  return spans;
}

// All bits given away: whoever comes later asks the spans.
std::shared_ptr<SpanFacts> spent_facts() {
  auto facts = std::make_shared<SpanFacts>();
  for (int i = 0; facts->add_attribute({.key = std::to_string(i), .is = BoolIs{true}}); ++i) {
    EXPECT_LT(i, 64);
  }
  return facts;
}

TraceView view_of(const std::vector<HeldSpan>& spans) {
  return {.trace_id = spans[0].fields().trace_id, .spans = spans, .byte_count = 300 * spans.size()};
}

TraceFacts facts_of(const SpanFacts& facts,
                    const std::vector<std::unique_ptr<otlp::SpanIndex>>& requests) {
  TraceFacts found;
  for (const auto& request : requests) {
    const std::vector<std::uint64_t> bits = facts.of(*request);
    for (std::size_t i = 0; i < bits.size(); ++i) found.add(request->spans()[i], bits[i]);
  }
  return found;
}

std::string text_of(const Policies& policies, const Verdict& verdict) {
  std::string text = text_of(verdict.outcome);
  if (verdict.policy != Verdict::kNoPolicy)
    text += " " + std::string(policies.name(verdict.policy));
  text += " " + std::string(verdict.sub_policy);
  if (verdict.probability) text += " " + std::to_string(*verdict.probability);
  return text + (verdict.estimated ? " estimated" : "");
}

std::string text_of(const Policies& policies, const std::optional<Verdict>& verdict) {
  return verdict ? text_of(policies, *verdict) : "nothing yet";
}

TEST(SpanFacts, OfASpanAreWhatLookingAtItAndItsResourceSays) {
  SpanFacts facts;
  std::vector<AttributeQuestion> questions;
  std::vector<std::uint32_t> bits;
  TextAmong some;
  for (const std::string& text : {std::string("x"), std::string("zz"), kLong}) some.add(text);
  for (const char* key : kKeys) {
    for (const auto& is : std::vector<decltype(AttributeQuestion::is)>{
             IntInRange{1, 2}, IntInRange{-1, 0}, some, TextAmong(), BoolIs{true}, BoolIs{false}}) {
      questions.push_back({.key = key, .is = is});
      bits.push_back(facts.add_attribute(questions.back()).value());
      EXPECT_EQ(facts.add_attribute(questions.back()), bits.back());  // asked once
    }
  }
  const std::uint32_t error = facts.add_status(1 << 2).value();
  const std::uint32_t flag = facts.add_sampled_flag().value();
  RandomTraces traces(1);
  std::size_t found = 0;
  for (int i = 0; i < 2'000; ++i) {
    for (const auto& request : traces.make()) {
      const std::vector<std::uint64_t> of_spans = facts.of(*request);
      ASSERT_EQ(of_spans.size(), request->size());
      for (std::size_t span = 0; span < of_spans.size(); ++span) {
        const auto has = [&](std::uint32_t bit) { return (of_spans[span] >> bit & 1U) != 0; };
        for (std::size_t q = 0; q < questions.size(); ++q) {
          const std::string& key = questions[q].key;
          const bool expected = questions[q].matches(request->view(span).find(key)) ||
                                questions[q].matches(request->resource_of(span).find(key));
          ASSERT_EQ(has(bits[q]), expected) << "trace " << i << ", question " << q;
          found += expected ? 1 : 0;
        }
        ASSERT_EQ(has(error), request->spans()[span].status_code == otlp::StatusCode::kError);
        ASSERT_EQ(has(flag), (request->spans()[span].flags & 1U) != 0);
      }
    }
  }
  EXPECT_GT(found, 1'000U);
}

// With facts as they come, with facts asked for at once, and with policies that ask the spans.
void expect_same_verdicts(const std::string& yaml, bool of_facts_only, std::uint32_t seed) {
  const auto facts = std::make_shared<SpanFacts>();
  PoliciesUnderTest coming(yaml, {.facts = facts});
  PoliciesUnderTest at_once(yaml);
  PoliciesUnderTest asking(yaml, {.facts = spent_facts()});
  ASSERT_TRUE(coming.is_made() && at_once.is_made() && asking.is_made());
  EXPECT_EQ(coming.policies().looks_at_spans(), !of_facts_only);
  RandomTraces traces(seed);
  std::size_t sampled = 0;
  for (std::uint64_t i = 0; i < 200; ++i) {
    const auto requests = traces.make();
    const std::vector<HeldSpan> spans = spans_of(requests);
    const TraceView asked = view_of(spans);
    TraceView known = asked;
    known.facts = facts_of(*facts, requests);
    if (of_facts_only) {
      known.spans = {};
      known.spans_not_held = spans.size();
    }
    const std::uint64_t now = PoliciesUnderTest::kStart + i * 50'000'000;
    const bool is_early = traces.below(4) == 0;
    const auto verdict = [&](PoliciesUnderTest& test, const TraceView& trace) {
      Policies& policies = test.policies();
      return is_early ? text_of(policies, policies.decide_early(trace, now))
                      : text_of(policies, policies.decide(trace, now));
    };
    const std::string expected = verdict(asking, asked);
    ASSERT_EQ(verdict(coming, known), expected) << yaml << ", trace " << i;
    ASSERT_EQ(verdict(at_once, asked), expected) << yaml << ", trace " << i;
    sampled += expected.starts_with("sampled") ? 1 : 0;
  }
  EXPECT_GT(sampled, 0U) << yaml;
}

TEST(SpanFacts, PoliciesSayWhatTheyWouldSayOfTheSpans) {
  expect_same_verdicts("[" + std::string(kOfFacts) + "]", true, 1);
  expect_same_verdicts("[" + std::string(kOfFacts) + kOfSpans + "]", false, 2);
}

// One policy alone: no other covers for it.
TEST(SpanFacts, EachPolicySaysWhatItWouldSayOfTheSpans) {
  for (const char* policy : {
           "type: status_code, status_code: {status_codes: [ERROR]}",
           "type: trace_flags",
           "type: latency, latency: {threshold_ms: 3}",
           "type: latency, latency: {threshold_ms: 1, upper_threshold_ms: 4}",
           "type: numeric_attribute, numeric_attribute: {key: a, min_value: 2}",
           "type: numeric_attribute, numeric_attribute: {key: b, max_value: 1, invert_match: true}",
           "type: string_attribute, string_attribute: {key: a, values: [x, '']}",
           "type: string_attribute, string_attribute: {key: a, values: [x], invert_match: true}",
           "type: boolean_attribute, boolean_attribute: {key: c, value: false}",
           "type: boolean_attribute, boolean_attribute: {key: c, value: true, invert_match: true}",
           "type: span_count, span_count: {min_spans: 2, max_spans: 5}",
           "type: probabilistic, probabilistic: {sampling_percentage: 30}",
           "type: bytes_limiting, bytes_limiting: {bytes_per_second: 2000}",
       }) {
    expect_same_verdicts("[{name: alone, " + std::string(policy) + "}]", true, 3);
  }
}

}  // namespace
}  // namespace kernspan::sampling
