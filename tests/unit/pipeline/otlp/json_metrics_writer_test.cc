#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "pipeline/otlp/json_writer.h"
#include "tests/unit/pipeline/otlp/reference_metrics.h"

namespace kernspan::otlp {
namespace {

std::string json_of(const ReferenceMetrics& request, JsonOutcome* outcome) {
  const auto batch = Batch::from_wire(request.SerializeAsString(), Signal::kMetrics);
  EXPECT_TRUE(batch) << batch.error().message;
  std::string json;
  *outcome = append_json(*batch, json);
  return json;
}

// Protobuf's own reader understands it and finds the same message; ids are hex in OTLP and base64 in
// protobuf, so they stay out of this one.
TEST(JsonMetricsWriter, ProtobufReadsTheSameMessage) {
  ReferenceMetrics request = reference_metrics();
  for (auto& metric :
       *request.mutable_resource_metrics(0)->mutable_scope_metrics(0)->mutable_metrics()) {
    if (metric.has_histogram())
      metric.mutable_histogram()->mutable_data_points(0)->clear_exemplars();
  }
  JsonOutcome outcome;
  const std::string json = json_of(request, &outcome);
  EXPECT_EQ(outcome.items, 5U);
  EXPECT_EQ(outcome.malformed_items, 0U);
  ReferenceMetrics read;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &read);
  ASSERT_TRUE(status.ok()) << status.ToString() << "\n" << json;
  EXPECT_EQ(read.SerializeAsString(), request.SerializeAsString()) << json;
}

TEST(JsonMetricsWriter, ExemplarsHaveHexIds) {
  JsonOutcome outcome;
  const auto json = nlohmann::json::parse(json_of(reference_metrics(), &outcome));
  const auto& metrics = json["resourceMetrics"][0]["scopeMetrics"][0]["metrics"];
  const auto& exemplar = metrics[2]["histogram"]["dataPoints"][0]["exemplars"][0];
  EXPECT_EQ(exemplar["spanId"], "3132333435363738");
  EXPECT_EQ(exemplar["traceId"], "31323334353637383930616263646566");
  EXPECT_EQ(exemplar["asDouble"], 7.5);
  EXPECT_EQ(exemplar["timeUnixNano"], "1700000030000000000");
  EXPECT_EQ(exemplar["filteredAttributes"][0]["key"], "user");
  EXPECT_EQ(metrics[0]["sum"]["dataPoints"][0]["asInt"], "42");
  EXPECT_EQ(metrics[0]["sum"]["aggregationTemporality"], 2);
  EXPECT_EQ(metrics[2]["histogram"]["dataPoints"][0]["bucketCounts"],
            (nlohmann::json{"1", "2", "3"}));
}

}  // namespace
}  // namespace kernspan::otlp
