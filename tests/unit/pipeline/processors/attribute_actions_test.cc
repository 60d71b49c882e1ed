#include "pipeline/processors/attribute_actions/attribute_actions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "pipeline/component/config_yaml.h"
#include "pipeline/processors/attributes/attributes_processor.h"
#include "pipeline/processors/resource/resource_processor.h"
#include "tests/unit/pipeline/processors/processor_fixture.h"

namespace kernspan {
namespace {

using ::testing::HasSubstr;

class ResourceProcessorTest : public ProcessorFixture {
 protected:
  ResourceProcessorTest() : ProcessorFixture(resource_processor_factory()) {}

  std::string error_of(const std::string& action) {
    return create("{attributes: [" + action + "]}");
  }
};

// The resource {service.name: "shop", n: 7, d: 1.5, b: true} after the actions.
struct ActionCase {
  const char* actions;
  const char* result;
};

otlp::ReferenceRequest shop() {
  otlp::ReferenceRequest request = otlp::reference_request(2);
  auto& resource = resource_of(request);
  const auto add = [&resource](const char* key) -> auto& {
    auto& attribute = *resource.add_attributes();
    attribute.set_key(key);
    return *attribute.mutable_value();
  };
  add("n").set_int_value(7);
  add("d").set_double_value(1.5);
  add("b").set_bool_value(true);
  return request;
}

constexpr const char* kUnchanged = R"(service.name="shop" n=7 d=1.5 b=true)";

class ActionTest : public ResourceProcessorTest,
                   public ::testing::WithParamInterface<ActionCase> {};

TEST_P(ActionTest, DoesWhatItSays) {
  otlp::ReferenceRequest result =
      process("{attributes: [" + std::string(GetParam().actions) + "]}", shop());
  EXPECT_EQ(text_of(resource_of(result).attributes()), GetParam().result);
  EXPECT_EQ(result.resource_spans(0).scope_spans(0).spans_size(), 2);
}

INSTANTIATE_TEST_SUITE_P(
    Resource, ActionTest,
    ::testing::Values(
        ActionCase{"{key: env, value: prod, action: insert}",
                   R"(service.name="shop" n=7 d=1.5 b=true env="prod")"},
        ActionCase{"{key: n, value: 8, action: insert}", kUnchanged},
        ActionCase{"{key: n, value: 8, action: update}", R"(service.name="shop" n=8 d=1.5 b=true)"},
        ActionCase{"{key: env, value: prod, action: update}", kUnchanged},
        ActionCase{"{key: n, value: eight, action: UPSERT}",
                   R"(service.name="shop" n="eight" d=1.5 b=true)"},
        ActionCase{"{key: env, value: 1.25, action: upsert}",
                   R"(service.name="shop" n=7 d=1.5 b=true env=1.25)"},
        ActionCase{"{key: env, value: \"12\", action: upsert}",
                   R"(service.name="shop" n=7 d=1.5 b=true env="12")"},
        ActionCase{"{key: env, value: false, action: upsert}",
                   R"(service.name="shop" n=7 d=1.5 b=true env=false)"},
        ActionCase{"{key: copy, from_attribute: service.name, action: insert}",
                   R"(service.name="shop" n=7 d=1.5 b=true copy="shop")"},
        ActionCase{"{key: copy, from_attribute: nothing, action: upsert}", kUnchanged},
        ActionCase{"{key: n, action: delete}", R"(service.name="shop" d=1.5 b=true)"},
        ActionCase{"{pattern: '^[nd]$', action: delete}", R"(service.name="shop" b=true)"},
        ActionCase{"{key: nothing, action: delete}", kUnchanged},
        ActionCase{"{key: n, action: convert, converted_type: string}",
                   R"(service.name="shop" n="7" d=1.5 b=true)"},
        ActionCase{"{key: d, action: convert, converted_type: int}",
                   R"(service.name="shop" n=7 d=1 b=true)"},
        ActionCase{"{key: b, action: convert, converted_type: double}",
                   R"(service.name="shop" n=7 d=1.5 b=1)"},
        ActionCase{"{key: service.name, action: convert, converted_type: int}", kUnchanged},
        ActionCase{"{key: service.name, action: extract, pattern: '(?P<first>.)(?P<rest>.*)'}",
                   R"(service.name="shop" n=7 d=1.5 b=true first="s" rest="hop")"},
        ActionCase{"{key: service.name, action: extract, pattern: 'x(?P<first>.)'}", kUnchanged},
        ActionCase{"{key: n, action: extract, pattern: '(?P<first>.)'}", kUnchanged},
        ActionCase{"{key: a, value: 1, action: insert}, {key: b, from_attribute: a, action: "
                   "update}, {key: a, action: delete}",
                   R"(service.name="shop" n=7 d=1.5 b=1)"}));

TEST_F(ResourceProcessorTest, HashesWithSha256) {
  otlp::ReferenceRequest result =
      process("{attributes: [{key: service.name, action: hash}]}", shop());
  // printf shop | sha256sum
  EXPECT_EQ(resource_of(result).attributes(0).value().string_value(),
            "8d9001d32c6a703d95921a77115050f33dd823d3f1730bd35215dcbecad6dc20");
}

TEST_F(ResourceProcessorTest, HashesNumbersByTheirBytes) {
  otlp::ReferenceRequest result =
      process("{attributes: [{pattern: '^[nb]$', action: hash}]}", shop());
  // printf '\7\0\0\0\0\0\0\0' | sha256sum; printf '\1' | sha256sum
  EXPECT_EQ(resource_of(result).attributes(1).value().string_value(),
            "aae89fc0f03e2959ae4d701a80cc3915918c950b159f6abb6c92c1433b1a8534");
  EXPECT_EQ(resource_of(result).attributes(3).value().string_value(),
            "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a");
}

TEST_F(ResourceProcessorTest, TakesListsAndMapsAsValues) {
  otlp::ReferenceRequest result = process(
      "{attributes: [{key: zones, value: [a, 2, {x: true}], action: upsert}, {key: zones.text, "
      "from_attribute: zones, action: upsert}, {key: zones.text, action: convert, converted_type: "
      "string}]}",
      otlp::reference_request(1));
  const auto& zones = resource_of(result).attributes(1).value().array_value();
  ASSERT_EQ(zones.values_size(), 3);
  EXPECT_EQ(zones.values(0).string_value(), "a");
  EXPECT_EQ(zones.values(1).int_value(), 2);
  EXPECT_TRUE(zones.values(2).kvlist_value().values(0).value().bool_value());
  EXPECT_EQ(resource_of(result).attributes(2).value().string_value(), R"(["a",2,{"x":true}])");
}

TEST_F(ResourceProcessorTest, WhatComesFromTheEnvironmentIsText) {
  const auto environment = [](std::string_view) { return std::optional<std::string>("0123"); };
  ConfigWarnings warnings;
  const auto node = parse_config(
      "{attributes: [{key: k8s.cluster.name, value: '${CLUSTER}', "
      "action: upsert}, {key: n, value: '${CLUSTER}', action: insert}, "
      "{key: n, action: convert, converted_type: int}]}",
      "a.yaml", environment, warnings);
  ASSERT_TRUE(node);
  const auto made = factory_.create(*node, stage_.context(), next_);
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_TRUE((*made)->consume(*otlp::Batch::from_wire(otlp::reference_bytes(1))));
  otlp::ReferenceRequest result;
  ASSERT_TRUE(result.ParseFromString(next_.bytes()));
  EXPECT_EQ(text_of(resource_of(result).attributes()),
            R"(service.name="shop" k8s.cluster.name="0123" n=123)");
}

TEST_F(ResourceProcessorTest, ChangesResourcesOfMetrics) {
  // resource_metrics { resource {} scope_metrics { metrics { gauge { data_points {} } } } }
  const std::string request("\x0a\x0c\x0a\x00\x12\x08\x12\x06\x2a\x04\x0a\x02\x40\x00", 14);
  ASSERT_EQ(create("{attributes: [{key: a, value: b, action: upsert}]}"), "");
  auto batch = otlp::Batch::from_wire(request, otlp::Signal::kMetrics);
  ASSERT_TRUE(batch) << batch.error().message;
  ASSERT_EQ(batch->item_count(), 1U);
  ASSERT_TRUE(processor_->consume(*std::move(batch)));
  EXPECT_THAT(next_.bytes(), HasSubstr(std::string("\x0a\x01"
                                                   "a\x12\x03\x0a\x01"
                                                   "b",
                                                   8)));
  EXPECT_EQ(stage_.books.balance().passed_on, 1U);
}

TEST_F(ResourceProcessorTest, WhatTheNextRefusesWasNotTaken) {
  next_.refuse_all(true);
  ASSERT_EQ(create("{attributes: [{key: a, value: b, action: upsert}]}"), "");
  EXPECT_FALSE(processor_->consume(*otlp::Batch::from_wire(otlp::reference_bytes(3))));
  EXPECT_EQ(stage_.books.balance().taken, 0U);
  EXPECT_EQ(stage_.books.balance().refused, 3U);
}

TEST_F(ResourceProcessorTest, RefusesWhatUpstreamRefuses) {
  EXPECT_THAT(create("{}"), HasSubstr("missing required field \"attributes\""));
  EXPECT_THAT(error_of("{key: a, action: put}"),
              HasSubstr("unsupported action \"put\" at the 0-th"));
  EXPECT_THAT(error_of("{value: a, action: insert}"), HasSubstr("missing required field \"key\""));
  EXPECT_THAT(error_of("{action: delete}"), HasSubstr("at least one of \"key\" and \"pattern\""));
  EXPECT_THAT(error_of("{key: a, value: , action: insert}"), HasSubstr("null is no value"));
  EXPECT_THAT(error_of("{key: a, value: 1, from_attribute: b, action: insert}"),
              HasSubstr("multiple value sources"));
  EXPECT_THAT(error_of("{key: a, from_context: metadata.x, action: insert}"),
              HasSubstr("from_context: is not supported"));
  EXPECT_THAT(error_of("{key: a, value: 1, action: delete}"),
              HasSubstr("Action \"delete\" does not use \"value\""));
  EXPECT_THAT(error_of("{key: a, action: extract}"),
              HasSubstr("missing required field \"pattern\""));
  EXPECT_THAT(error_of("{key: a, action: extract, pattern: '('}"), HasSubstr("invalid pattern"));
  EXPECT_THAT(error_of("{key: a, action: extract, pattern: 'a'}"),
              HasSubstr("no named matcher groups"));
  EXPECT_THAT(error_of("{key: a, action: extract, pattern: '(a)(?P<b>c)'}"),
              HasSubstr("at least one unnamed matcher group"));
  EXPECT_THAT(error_of("{key: a, action: convert}"),
              HasSubstr("missing required field \"converted_type\""));
  EXPECT_THAT(error_of("{key: a, action: convert, converted_type: bool}"),
              HasSubstr("invalid value \"bool\" in field \"converted_type\""));
  EXPECT_THAT(error_of("{key: a, value: 1, action: insert, pattern: x}"),
              HasSubstr("does not use the \"pattern\" field"));
}

TEST(AttributeValuesTest, ShowsValuesAsUpstream) {
  const auto text = [](const otlp::AttributeValue& value) {
    const std::string encoded = otlp::encode_value(value);
    return value_text(otlp::ValueView(encoded));
  };
  EXPECT_EQ(text(std::int64_t{-5}), "-5");
  EXPECT_EQ(text(true), "true");
  EXPECT_EQ(text(0.0), "0");
  EXPECT_EQ(text(1.5), "1.5");
  EXPECT_EQ(text(1e20), "100000000000000000000");
  EXPECT_EQ(text(1e21), "1e+21");
  EXPECT_EQ(text(1e-7), "1e-07");
  EXPECT_EQ(text(std::string_view("x")), "x");
  EXPECT_EQ(value_text(otlp::ValueView(std::string_view("\x3a\x03\x01\x02\x03", 5))), "AQID");
  EXPECT_EQ(value_text(otlp::ValueView()), "");
}

TEST(AttributeValuesTest, ConvertsNumbersWithoutOverflow) {
  const auto to_int = [](const otlp::AttributeValue& value) {
    const std::string encoded = otlp::encode_value(value);
    const auto converted = convert_value(otlp::ValueView(encoded), ConvertedType::kInt);
    return converted ? otlp::ValueView(*converted).as_int() : -1;
  };
  EXPECT_EQ(to_int(1e300), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(to_int(-1e300), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(to_int(std::nan("")), 0);
  EXPECT_EQ(to_int(-2.9), -2);
  EXPECT_EQ(to_int(std::string_view("+12")), 12);
  EXPECT_EQ(to_int(std::string_view("12x")), -1);
}

}  // namespace
}  // namespace kernspan
