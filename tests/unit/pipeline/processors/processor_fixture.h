#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/unit/pipeline/component_stage.h"
#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan {

// A processor made from YAML, and what it made of a request.
class ProcessorFixture : public ::testing::Test {
 protected:
  explicit ProcessorFixture(ProcessorFactory factory) : factory_(std::move(factory)) {}

  // What is wrong with the settings; empty when nothing is.
  std::string create(const std::string& yaml) {
    auto made = factory_.create(ComponentStage::yaml(yaml), stage_.context(), next_);
    if (!made) return made.error().message;
    processor_ = *std::move(made);
    return "";
  }

  // As create() and start() and consume(); the request as the next component got it.
  otlp::ReferenceRequest process(const std::string& yaml, const otlp::ReferenceRequest& request) {
    EXPECT_EQ(create(yaml), "");
    EXPECT_TRUE(processor_->start());
    auto batch = otlp::Batch::from_wire(request.SerializeAsString());
    EXPECT_TRUE(batch) << batch.error().message;
    const Status taken = processor_->consume(*std::move(batch));
    EXPECT_TRUE(taken) << taken.error().message;
    otlp::ReferenceRequest result;
    EXPECT_TRUE(result.ParseFromString(next_.bytes()));
    return result;
  }

  ProcessorFactory factory_;
  ComponentStage stage_{"processor"};
  RememberingConsumer next_;
  std::unique_ptr<Processor> processor_;
};

using ReferenceAttributes =
    google::protobuf::RepeatedPtrField<opentelemetry::proto::common::v1::KeyValue>;

// "key=value key=value", strings in quotes: what a test compares.
inline std::string text_of(const ReferenceAttributes& attributes) {
  std::string text;
  for (const auto& attribute : attributes) {
    if (!text.empty()) text += ' ';
    std::string value = attribute.value().ShortDebugString();
    text += attribute.key() + "=" + value.substr(value.find(' ') + 1);
  }
  return text;
}

inline auto& resource_of(otlp::ReferenceRequest& request) {
  return *request.mutable_resource_spans(0)->mutable_resource();
}
inline auto& span_of(otlp::ReferenceRequest& request, int span = 0) {
  return *request.mutable_resource_spans(0)->mutable_scope_spans(0)->mutable_spans(span);
}

}  // namespace kernspan
