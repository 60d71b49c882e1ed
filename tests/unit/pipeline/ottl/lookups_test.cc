// Conditions that are looked up together say what each says alone.
#include "pipeline/ottl/lookups.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "tests/unit/pipeline/otlp/random_request.h"
#include "tests/unit/pipeline/ottl/ottl_fixture.h"

namespace kernspan::ottl {
namespace {

constexpr const char* kSpanConditions[] = {
    R"(attributes["key.0"] == nil)",
    R"(attributes["key.1"] != nil and attributes["key.2"] == nil)",
    R"(attributes["key.1"] == true)",
    R"(attributes["key.2"] > 0)",
    R"(attributes["key.3"] >= attributes["key.4"])",
    R"(attributes["key.4"] > "m")",
    R"(attributes["key.5"] == 0x00ff80)",
    R"(attributes["key.1"] == "changed")",
    R"(attributes["key.1"] == "changed" or attributes["key.0"] == "changed")",
    R"(attributes["none"] == nil)",
    R"(resource.attributes["key.0"] != nil)",
    R"(resource.attributes["key.1"] == "changed")",
    R"(resource.attributes["key.2"] > 0 or scope.attributes["key.2"] > 0)",
    R"(scope.attributes["key.3"] == attributes["key.3"])",
    R"(attributes["key.0"][0] == attributes["key.0"])",
};

class LookupsTest : public ::testing::Test {
 protected:
  // What each condition says of each record of a request, and the batch behind it. Between the
  // conditions some records change.
  std::string answers(const otlp::Batch& batch, Context context, bool together) {
    Lookups lookups;
    std::vector<Condition> conditions;
    for (const char* text : kSpanConditions) {
      const std::string named = context == Context::kSpanEvent && text[0] == 'a'
                                    ? "spanevent." + std::string(text)
                                    : std::string(text);
      auto condition =
          Condition::compile(named, context, functions_, together ? &lookups : nullptr);
      EXPECT_TRUE(condition) << condition.error().message;
      if (condition) conditions.push_back(*std::move(condition));
    }
    std::string answers;
    std::size_t record = 0;
    const auto visit = [&](Evaluation& at) -> Result<bool> {
      for (std::size_t i = 0; i < conditions.size(); ++i) {
        if (++record % 23 == 0 && !change_.apply(at)) ADD_FAILURE();
        if (record % 61 == 0 && !change_resource_.apply(at)) ADD_FAILURE();
        const Result<bool> holds = conditions[i].test(at);
        answers += holds ? (*holds ? "1" : "0") : holds.error().message;
        true_ += holds && *holds ? 1 : 0;
      }
      answers += '\n';
      return record % 7 != 0;
    };
    auto edited =
        edit_records(batch.clone(), context, clock_, visit, together ? &lookups : nullptr);
    EXPECT_TRUE(edited) << edited.error().message;
    if (edited) answers += edited->batch.joined().view();
    return answers;
  }

  static Statement statement(const char* text, const FunctionTable& functions) {
    auto made = Statement::compile(text, Context::kSpan, functions);
    EXPECT_TRUE(made) << made.error().message;
    return *std::move(made);
  }

  const FunctionTable functions_ = language_functions();
  const Statement change_ = statement(R"(set(span.attributes["key.1"], "changed"))", functions_);
  const Statement change_resource_ =
      statement(R"(set(resource.attributes["key.1"], "changed"))", functions_);
  FakeClock clock_;
  std::size_t true_ = 0;
};

TEST_F(LookupsTest, ConditionsSayTogetherWhatEachSaysAlone) {
  std::size_t bytes = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    const auto batch = otlp::Batch::from_wire(otlp::RandomRequest(seed).make().SerializeAsString());
    ASSERT_TRUE(batch) << batch.error().message;
    for (const Context context : {Context::kSpan, Context::kSpanEvent}) {
      const std::string together = answers(*batch, context, true);
      ASSERT_EQ(together, answers(*batch, context, false));
      bytes += together.size();
    }
  }
  EXPECT_GT(bytes, 100'000U);
  EXPECT_GT(true_, 5'000U);
}

// The lookups of one group are not those that a record knows: then each key is looked for alone.
TEST_F(LookupsTest, OthersAreNotMixedUp) {
  Lookups mine;
  Lookups others;
  others.of(Context::kSpan).add("http.route");
  auto condition =
      Condition::compile(R"(attributes["code"] == 1)", Context::kSpan, functions_, &mine);
  ASSERT_TRUE(condition);
  otlp::ReferenceRequest request = otlp::reference_request(1);
  auto& span = *request.mutable_resource_spans(0)->mutable_scope_spans(0)->mutable_spans(0);
  for (const char* key : {"http.route", "code"}) {
    auto& attribute = *span.add_attributes();
    attribute.set_key(key);
    attribute.mutable_value()->set_int_value(std::string(key) == "code" ? 1 : 2);
  }
  for (const Lookups* known : std::initializer_list<const Lookups*>{&mine, &others, nullptr}) {
    std::size_t held = 0;
    auto edited = edit_records(
        *otlp::Batch::from_wire(request.SerializeAsString()), Context::kSpan, clock_,
        [&](Evaluation& at) -> Result<bool> {
          held += *condition->test(at) ? 1 : 0;
          return true;
        },
        known);
    ASSERT_TRUE(edited);
    EXPECT_EQ(held, 1U);
  }
}

}  // namespace
}  // namespace kernspan::ottl
