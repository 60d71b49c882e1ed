#include "tests/unit/tools/kernspan/doctor/rule_case.h"

namespace kernspan::doctor {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

class DeliveryRules : public RuleCase {};

TEST_F(DeliveryRules, BatchesThatExceedTheMessageLimit) {
  const std::string rest = "exporters: {otlp: {endpoint: 'a:1'}}\n" + pipeline("batch", "otlp");
  EXPECT_THAT(
      found("batch_exceeds_message_limit", "processors: {batch: {send_batch_size: 5000}}\n" + rest),
      AllOf(StartsWith("a.yaml:1:39 warning: "), HasSubstr("5,000 spans"), HasSubstr("5.0 MB"),
            HasSubstr("4.2 MB")));
  EXPECT_THAT(found("batch_exceeds_message_limit", "processors: {batch: }\n" + rest),
              HasSubstr("8,192 spans"));
  EXPECT_EQ(
      found("batch_exceeds_message_limit",
            "processors: {batch: {send_batch_size: 5000, send_batch_max_size: 2000}}\n" + rest),
      "");
  EXPECT_EQ(
      found("batch_exceeds_message_limit", "processors: {batch: {send_batch_size: 2000}}\n" + rest),
      "");
  EXPECT_EQ(
      found("batch_exceeds_message_limit",
            "processors: {batch: }\nexporters: {otlphttp: }\n" + pipeline("batch", "otlphttp")),
      "");
}

TEST_F(DeliveryRules, BatchesThatWaitLong) {
  const auto yaml = [](const std::string& timeout) {
    return "processors: {batch: {timeout: " + timeout + "}}\n" + pipeline("batch", "otlp");
  };
  EXPECT_THAT(found("slow_batch", yaml("15s")), HasSubstr("up to 15s of spans"));
  EXPECT_EQ(found("slow_batch", yaml("1s")), "");
  EXPECT_EQ(found("slow_batch", "processors: {batch: {timeout: 15s}}\n" + pipeline("", "otlp")),
            "");
}

TEST_F(DeliveryRules, QueuesThatOutgrowMemory) {
  const auto yaml = [](const std::string& queue) {
    return "processors: {batch: {send_batch_size: 5000}}\nexporters: {otlp: {sending_queue: {" +
           queue + "}}}\n" + pipeline("batch", "otlp");
  };
  EXPECT_THAT(found("queue_outgrows_memory", yaml("queue_size: 10000")),
              AllOf(HasSubstr("50,000,000 spans"), HasSubstr("50 GB")));
  EXPECT_EQ(found("queue_outgrows_memory", yaml("queue_size: 100")), "");
  EXPECT_EQ(found("queue_outgrows_memory", yaml("queue_size: 1000000000, sizer: bytes")), "");
  EXPECT_EQ(found("queue_outgrows_memory", yaml("enabled: false")), "");
}

TEST_F(DeliveryRules, OutagesThatLose) {
  const auto yaml = [](const std::string& settings) {
    return "exporters: {otlp: {" + settings + "}}\n" + pipeline("", "otlp");
  };
  EXPECT_THAT(found("outage_loses", yaml("endpoint: 'far:1'")), HasSubstr("more than 5m0s"));
  EXPECT_EQ(found("outage_loses", yaml("endpoint: 'localhost:1'")), "");
  EXPECT_EQ(found("outage_loses", yaml("endpoint: 'far:1', sending_queue: {storage: x}")), "");
  EXPECT_EQ(
      found("outage_loses", yaml("endpoint: 'far:1', retry_on_failure: {max_elapsed_time: 0s}")),
      "");
  EXPECT_THAT(found("stored_spans_given_up",
                    yaml("sending_queue: {storage: x}, retry_on_failure: {max_elapsed_time: 1h}")),
              HasSubstr("failed for 1h0m0s"));
  EXPECT_EQ(found("stored_spans_given_up",
                  yaml("sending_queue: {storage: x}, retry_on_failure: {max_elapsed_time: 0s}")),
            "");
}

TEST_F(DeliveryRules, MissingRetriesAndQueues) {
  const std::string off =
      "exporters: {otlp: {retry_on_failure: {enabled: false}, sending_queue: {enabled: false}}}\n" +
      pipeline("", "otlp");
  const std::string on = "exporters: {otlp: }\n" + pipeline("", "otlp");
  EXPECT_THAT(found("no_retry", off), HasSubstr("the first failure drops"));
  EXPECT_THAT(found("no_queue", off), HasSubstr("holds up the pipeline"));
  EXPECT_EQ(found("no_retry", on), "");
  EXPECT_EQ(found("no_queue", on), "");
}

TEST_F(DeliveryRules, FilesThatAreAlwaysWritten) {
  const std::string file = "exporters: {otlp: , file: {path: x, rotation: {max_megabytes: 50}}}\n";
  EXPECT_THAT(found("file_always_written", file + pipeline("", "otlp, file")), HasSubstr("5.0 GB"));
  EXPECT_EQ(found("file_always_written", file + pipeline("", "file")), "");
  EXPECT_THAT(found("file_always_written",
                    "exporters: {otlp: , file: {path: x}}\n" + pipeline("", "otlp, file")),
              HasSubstr("whatever the disk has"));
}

TEST_F(DeliveryRules, FallbacksThatAreNone) {
  const std::string both = "exporters: {otlp/primary: , otlp/fallback: , otlp/b: }\n";
  EXPECT_THAT(found("fan_out_as_fallback", both + pipeline("", "otlp/primary, otlp/fallback")),
              HasSubstr("\"otlp/fallback\" is no fallback"));
  EXPECT_EQ(found("fan_out_as_fallback", both + pipeline("", "otlp/primary, otlp/b")), "");
  EXPECT_EQ(found("fan_out_as_fallback", both + pipeline("", "otlp/fallback")), "");
}

TEST_F(DeliveryRules, DuplicatesOfPeers) {
  const auto yaml = [](const std::string& exporters_of_peers) {
    return "exporters: {otlp: , otlp/b: , loadbalancing: }\nservice: {pipelines: {"
           "traces/local: {receivers: [otlp], exporters: [otlp, loadbalancing]}, "
           "traces/peers: {receivers: [otlp/peers], exporters: [" +
           exporters_of_peers + "]}}}\n";
  };
  EXPECT_THAT(found("duplicates_of_peers", yaml("otlp")), HasSubstr("gets each span twice"));
  EXPECT_EQ(found("duplicates_of_peers", yaml("otlp/b")), "");
}

TEST_F(DeliveryRules, MemoryLimiters) {
  const std::string receivers = "receivers: {otlp: }\n";
  const std::string limiter = receivers + "processors: {batch: , memory_limiter: }\n";
  EXPECT_THAT(found("no_memory_limiter", receivers + pipeline("", "otlp")),
              HasSubstr("nothing refuses spans"));
  EXPECT_EQ(found("no_memory_limiter", limiter + pipeline("memory_limiter", "otlp")), "");
  EXPECT_THAT(
      found("memory_limiter_not_first", limiter + pipeline("batch, memory_limiter", "otlp")),
      HasSubstr("already been through batch"));
  EXPECT_EQ(found("memory_limiter_not_first", limiter + pipeline("memory_limiter, batch", "otlp")),
            "");
}

TEST_F(DeliveryRules, DebugOutput) {
  const std::string detailed = "exporters: {otlp: , debug: {verbosity: detailed}}\n";
  EXPECT_THAT(found("debug_output", detailed + pipeline("", "debug")), HasSubstr(" warning: "));
  EXPECT_EQ(found("debug_output", detailed + pipeline("", "otlp")), "");
  EXPECT_THAT(found("debug_output", "exporters: {debug: }\n" + pipeline("", "debug")),
              HasSubstr(" info: "));
}

TEST_F(DeliveryRules, LookBehindConnectors) {
  EXPECT_THAT(find("batch_exceeds_message_limit",
                   "processors: {batch: }\nexporters: {otlp: }\nconnectors: {forward: }\n"
                   "service: {pipelines: {traces: {receivers: [otlp], processors: [batch], "
                   "exporters: [forward]}, traces/b: {receivers: [forward], exporters: [otlp, "
                   "forward]}}}\n"),
              SizeIs(1));
}

}  // namespace
}  // namespace kernspan::doctor
