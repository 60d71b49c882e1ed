#include "pipeline/service/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/component/config_yaml.h"
#include "tests/unit/pipeline/service/fake_components.h"

namespace kernspan {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kComponents =
    "receivers: {fake: , fake/2: }\n"
    "processors: {fake: , fake/2: }\n"
    "exporters: {fake: , fake/2: }\n";

class SettingsTest : public ::testing::Test {
 protected:
  // What is wrong with the configuration, a line per problem; empty when nothing is.
  std::string check(const std::string& yaml) {
    warnings_ = {};
    settings_ = {};
    const Result<ConfigNode> root =
        parse_config(yaml, "a.yaml", [](std::string_view) { return std::nullopt; }, warnings_);
    EXPECT_TRUE(root) << root.error().message;
    const Status read =
        read_settings(root.value_or(ConfigNode()), fakes_.registry(), warnings_, settings_);
    return read ? "" : read.error().message;
  }

  // The same with the components above, the pipelines beginning in line 6.
  std::string check_pipelines(const std::string& pipelines) {
    return check(std::string(kComponents) + "service:\n  pipelines:\n" + pipelines);
  }

  FakeComponents fakes_;
  ConfigWarnings warnings_;
  ServiceSettings settings_;
};

TEST_F(SettingsTest, ReadsPipelines) {
  EXPECT_EQ(check_pipelines("    traces: {receivers: [fake, fake/2], processors: [fake/2, fake], "
                            "exporters: [fake]}\n"
                            "    traces/other: {receivers: [fake], processors: [], exporters: "
                            "[fake/2]}\n"),
            "");
  ASSERT_EQ(settings_.pipelines.size(), 2u);
  const PipelineSettings& pipeline = settings_.pipelines[0];
  EXPECT_EQ(pipeline.id, "traces");
  ASSERT_EQ(pipeline.processors.size(), 2u);
  EXPECT_EQ(pipeline.processors[0].id, "fake/2");
  EXPECT_EQ(settings_.pipelines[1].id, "traces/other");
  EXPECT_EQ(settings_.exporters[1].id, "fake/2");
  EXPECT_EQ(settings_.exporters[1].type, "fake");
  EXPECT_THAT(warnings_.messages, IsEmpty());
}

TEST_F(SettingsTest, RefusesWhatIsNoConfiguration) {
  EXPECT_EQ(
      check(""),
      "a.yaml:1:1: no receiver configuration specified in config; add one under receivers, or, "
      "if this is a part of a configuration, give the other parts with further --config "
      "options\n"
      "a.yaml:1:1: no exporter configuration specified in config; add one under exporters, or, "
      "if this is a part of a configuration, give the other parts with further --config "
      "options\n"
      "a.yaml:1:1: service::pipelines: service must have at least one pipeline; add for example "
      "traces: {receivers: [otlp], exporters: [debug]}");
}

TEST_F(SettingsTest, RefusesUnknownSections) {
  EXPECT_EQ(check(std::string(kComponents) +
                  "recievers: {}\nservice: {pipelines: {traces: {receivers: [fake], exporters: "
                  "[fake]}}, pipeline: 1}\n"),
            "a.yaml:4:1: unknown key \"recievers\"; did you mean \"receivers\"?\n"
            "a.yaml:5:72: service: unknown key \"pipeline\"; did you mean \"pipelines\"?");
}

TEST_F(SettingsTest, RefusesUnknownTypesAndNamesTheKnownOnes) {
  const std::string message = check(
      "receivers:\n  fkae/x:\n  nobodys:\n"
      "exporters: {fake: }\n"
      "service: {pipelines: {traces: {receivers: [fkae/x], exporters: [fake]}}}\n");
  EXPECT_EQ(
      message,
      "a.yaml:2:3: receivers: unknown type: \"fkae\" for id: \"fkae/x\" (valid values: [fake]); "
      "did you mean \"fake\"?\n"
      "a.yaml:3:3: receivers: unknown type: \"nobodys\" for id: \"nobodys\" (valid values: "
      "[fake])");
}

TEST_F(SettingsTest, NamesWhatIsNotBuilt) {
  EXPECT_EQ(check("receivers: {fake: }\n"
                  "processors: {redaction/x: }\n"
                  "exporters: {fake: }\n"
                  "extensions: {oidc: }\n"
                  "service:\n"
                  "  extensions: [oidc]\n"
                  "  pipelines: {traces: {receivers: [fake], processors: [redaction/x], "
                  "exporters: [fake]}}\n"),
            "a.yaml:2:14: processors::redaction/x: \"redaction\" is not part of this "
            "version; do not send what must not be stored, or start with --skip-unbuilt to run "
            "without it\n"
            "a.yaml:4:14: extensions::oidc: \"oidc\" is not part of this version; use mutual TLS, "
            "or start with --skip-unbuilt to run without it");
}

TEST_F(SettingsTest, ReadsPipelinesOfMetrics) {
  EXPECT_EQ(check_pipelines("    metrics: {receivers: [fake], exporters: [fake]}\n"
                            "    traces: {receivers: [fake, fake/2], exporters: [fake]}\n"
                            "    metrics/b: {receivers: [fake/2], exporters: [fake/2]}\n"),
            "");
  ASSERT_EQ(settings_.pipelines.size(), 3u);
  EXPECT_EQ(settings_.pipelines[0].signal, otlp::Signal::kMetrics);
  EXPECT_EQ(settings_.pipelines[1].signal, otlp::Signal::kTraces);
  EXPECT_EQ(settings_.pipelines[2].id, "metrics/b");
}

TEST_F(SettingsTest, ConnectsPipelinesOfTracesToThoseOfMetricsAndNotTheReverse) {
  constexpr const char* kConnector =
      "receivers: {fake: }\nexporters: {fake: }\nconnectors: {fake_conn: }\n";
  EXPECT_EQ(check(std::string(kConnector) +
                  "service: {pipelines: {traces: {receivers: [fake], exporters: [fake_conn]}, "
                  "metrics: {receivers: [fake_conn], exporters: [fake]}}}\n"),
            "");
  EXPECT_THAT(check(std::string(kConnector) +
                    "service: {pipelines: {metrics: {receivers: [fake], exporters: [fake_conn]}, "
                    "traces: {receivers: [fake_conn], exporters: [fake]}}}\n"),
              HasSubstr("used as exporter in [metrics] pipeline but not used in any supported "
                        "receiver pipeline"));
}

TEST_F(SettingsTest, SaysWhereAComponentBelongs) {
  EXPECT_THAT(
      check("receivers: {fake: }\nexporters:\n  fake:\n  fake_ext:\n"
            "service: {pipelines: {traces: {receivers: [fake], exporters: [fake]}}}\n"),
      HasSubstr("a.yaml:4:3: exporters: unknown type: \"fake_ext\" for id: \"fake_ext\"; it is "
                "one of the extensions: move it there"));
}

TEST_F(SettingsTest, RefusesMalformedIds) {
  EXPECT_THAT(check("receivers:\n  fake/: \n"),
              HasSubstr("a.yaml:2:3: receivers: \"fake/\" is not an id; write type or type/name"));
  EXPECT_THAT(check("receivers: [fake]\n"),
              HasSubstr("a.yaml:1:12: receivers: expected a map of receivers, found a list"));
}

TEST_F(SettingsTest, RefusesReferencesToNothing) {
  EXPECT_EQ(check_pipelines("    traces:\n"
                            "      receivers: [fake/3]\n"
                            "      processors: [batch]\n"
                            "      exporters:\n"
                            "        - fake\n"
                            "        - otlp\n"),
            "a.yaml:7:19: service::pipelines::traces: references receiver \"fake/3\" which is not "
            "configured; did you mean \"fake/2\"?\n"
            "a.yaml:8:20: service::pipelines::traces: references processor \"batch\" which is not "
            "configured; add it under processors\n"
            "a.yaml:11:11: service::pipelines::traces: references exporter \"otlp\" which is not "
            "configured; add it under exporters");
}

TEST_F(SettingsTest, RefusesPipelinesWithoutEnds) {
  EXPECT_EQ(
      check_pipelines("    traces: {receivers: [], processors: [fake]}\n    traces/b:\n"),
      "a.yaml:6:5: service::pipelines::traces: must have at least one exporter; name one in "
      "exporters\n"
      "a.yaml:6:25: service::pipelines::traces: must have at least one receiver; name one in "
      "receivers\n"
      "a.yaml:7:5: service::pipelines::traces/b: must have at least one receiver; name one in "
      "receivers\n"
      "a.yaml:7:5: service::pipelines::traces/b: must have at least one exporter; name one in "
      "exporters");
}

TEST_F(SettingsTest, RefusesAProcessorTwiceAndWarnsOfOthers) {
  EXPECT_EQ(
      check_pipelines("    traces: {receivers: [fake, fake], processors: [fake, fake], "
                      "exporters: [fake, fake]}\n"),
      "a.yaml:6:58: service::pipelines::traces: references processor \"fake\" multiple times; "
      "remove one");
  EXPECT_THAT(warnings_.messages,
              ElementsAre(HasSubstr("a.yaml:6:32: service::pipelines::traces: references receiver "
                                    "\"fake\" multiple times"),
                          HasSubstr("references exporter \"fake\" multiple times")));
  EXPECT_EQ(settings_.pipelines[0].receivers.size(), 1u);
}

TEST_F(SettingsTest, RefusesOtherSignals) {
  const std::string traces = "    traces: {receivers: [fake], exporters: [fake]}\n";
  EXPECT_EQ(check_pipelines(traces + "    logs: {receivers: [fake], exporters: [fake]}\n"),
            "a.yaml:7:5: service::pipelines::logs: logs pipelines are not supported; only traces "
            "and metrics pipelines run here");
  EXPECT_EQ(
      check_pipelines(traces +
                      "    metrics: {receivers: [fake], processors: [fake], exporters: [fake]}\n"),
      "a.yaml:7:47: service::pipelines::metrics: processor \"fake\": telemetry type is not "
      "supported: it does not take metrics; remove it from this pipeline");
  EXPECT_EQ(check_pipelines(traces + "    tarces: {}\n    traces/: {}\n"),
            "a.yaml:7:5: service::pipelines::tarces: a pipeline's id is traces, or traces/name\n"
            "a.yaml:8:5: service::pipelines::traces/: a pipeline's id is traces, or traces/name");
}

TEST_F(SettingsTest, RefusesWrongShapes) {
  EXPECT_EQ(
      check_pipelines("    traces: {receivers: fake, exporters: [[fake]], filters: []}\n"),
      "a.yaml:6:25: service::pipelines::traces: receivers: expected a list of ids, found "
      "\"fake\"\n"
      "a.yaml:6:43: service::pipelines::traces: exporters: expected an id, found a list\n"
      "a.yaml:6:52: service::pipelines::traces: unknown key \"filters\"; known keys: exporters, "
      "processors, receivers");
  EXPECT_EQ(
      check_pipelines("    traces: 5\n"),
      "a.yaml:6:13: service::pipelines::traces: expected a map of settings, found the integer "
      "5");
  EXPECT_EQ(check(std::string(kComponents) + "service: {pipelines: [traces]}\n"),
            "a.yaml:4:22: service::pipelines: expected a map of pipelines, found a list");
}

TEST_F(SettingsTest, ReadsConnectors) {
  EXPECT_EQ(check_pipelines("    traces: {receivers: [fake], exporters: [fake, fake_conn]}\n"
                            "    metrics: {receivers: [fake_conn], exporters: [fake]}\n"
                            "connectors: {fake_conn: }\n"),
            "");
  ASSERT_EQ(settings_.pipelines.size(), 2u);
  EXPECT_EQ(settings_.pipelines[0].exporters.size(), 1u);
  ASSERT_EQ(settings_.pipelines[0].connectors_out.size(), 1u);
  EXPECT_EQ(settings_.pipelines[0].connectors_out[0].id, "fake_conn");
  EXPECT_EQ(settings_.pipelines[1].signal, otlp::Signal::kMetrics);
  EXPECT_THAT(settings_.pipelines[1].receivers, IsEmpty());
  ASSERT_EQ(settings_.pipelines[1].connectors_in.size(), 1u);
  EXPECT_THAT(warnings_.messages, ElementsAre(HasSubstr("receivers::fake/2"), _, _, _));
}

TEST_F(SettingsTest, RefusesConnectorsThatAreUsedOnOneSideOnly) {
  EXPECT_EQ(
      check_pipelines("    traces: {receivers: [fake], exporters: [fake_conn]}\n"
                      "connectors:\n  fake_conn:\n"),
      "a.yaml:8:3: connectors::fake_conn: connector \"fake_conn\" used as exporter in [traces] "
      "pipeline but not used in any supported receiver pipeline; add it to the receivers of "
      "one");
  // Metrics do not come of metrics here.
  EXPECT_EQ(check_pipelines("    traces: {receivers: [fake], exporters: [fake]}\n"
                            "    metrics: {receivers: [fake_conn], exporters: [fake]}\n"
                            "connectors:\n  fake_conn:\n"),
            "a.yaml:9:3: connectors::fake_conn: connector \"fake_conn\" used as receiver in "
            "[metrics] pipeline but not used in any supported exporter pipeline; add it to the "
            "exporters of one");
}

TEST_F(SettingsTest, RefusesAnIdWithTwoMeanings) {
  EXPECT_THAT(
      check("receivers: {fake: }\n"
            "exporters: {fake_conn: }\n"
            "connectors: {fake_conn: }\n"),
      HasSubstr("a.yaml:2:13: exporters: unknown type: \"fake_conn\" for id: \"fake_conn\"; "
                "it is one of the connectors: move it there"));
  Registry registry = fakes_.registry();
  registry.exporters.push_back({.type = "fake_conn", .create = registry.exporters[0].create});
  const Result<ConfigNode> root = parse_config(
      "receivers: {fake: }\nexporters: {fake: , fake_conn: }\nconnectors: {fake_conn: }\n"
      "service: {pipelines: {traces: {receivers: [fake], exporters: [fake]}}}\n",
      "a.yaml", [](std::string_view) { return std::nullopt; }, warnings_);
  const Status read = read_settings(*root, registry, warnings_, settings_);
  ASSERT_FALSE(read);
  EXPECT_EQ(
      read.error().message,
      "a.yaml:3:14: connectors::fake_conn: ambiguous ID: Found both \"fake_conn\" exporter and "
      "\"fake_conn\" connector; rename one of them, for example fake_conn/2");
}

TEST_F(SettingsTest, RefusesCircles) {
  EXPECT_EQ(check_pipelines("    traces: {receivers: [fake, fake_conn/2], exporters: [fake_conn]}\n"
                            "    traces/2: {receivers: [fake_conn], exporters: [fake_conn/2]}\n"
                            "connectors: {fake_conn: , fake_conn/2: }\n"),
            "a.yaml:6:5: service::pipelines::traces: cycle detected: traces -> traces/2 -> traces; "
            "take one connector out of the circle");
}

TEST_F(SettingsTest, ReadsExtensions) {
  const std::string pipelines =
      "service:\n  pipelines: {traces: {receivers: [fake], exporters: [fake]}}\n";
  const std::string extensions = "extensions: {fake_ext: , fake_ext/2: }\n";
  EXPECT_EQ(check(kComponents + extensions + pipelines + "  extensions: [fake_ext/2, fake_ext]\n"),
            "");
  ASSERT_EQ(settings_.used_extensions.size(), 2u);
  EXPECT_EQ(settings_.used_extensions[0].id, "fake_ext/2");
  EXPECT_EQ(check(kComponents + extensions + pipelines + "  extensions: [zpages]\n"),
            "a.yaml:7:16: service::extensions: references extension \"zpages\" which is not "
            "configured; add it under extensions");
}

TEST_F(SettingsTest, WarnsOfWhatNothingUses) {
  EXPECT_EQ(
      check_pipelines("    traces: {receivers: [fake], processors: [fake], exporters: [fake]}\n"
                      "extensions: {fake_ext: }\n"),
      "");
  EXPECT_THAT(
      warnings_.messages,
      ElementsAre(
          "a.yaml:1:21: receivers::fake/2: is configured, but nothing under service uses it",
          "a.yaml:2:22: processors::fake/2: is configured, but nothing under service uses it",
          "a.yaml:3:21: exporters::fake/2: is configured, but nothing under service uses it",
          "a.yaml:7:14: extensions::fake_ext: is configured, but nothing under service uses it"));
}

class TelemetrySettingsTest : public SettingsTest {
 protected:
  std::string check_telemetry(const std::string& telemetry) {
    return check(
        "receivers: {fake: }\nexporters: {fake: }\nservice:\n  pipelines: {traces: "
        "{receivers: [fake], exporters: [fake]}}\n  telemetry:\n" +
        telemetry);
  }
};

TEST_F(TelemetrySettingsTest, HasTheCollectorsDefaults) {
  EXPECT_EQ(check_telemetry(""), "");
  EXPECT_TRUE(settings_.telemetry.serve_metrics);
  EXPECT_EQ(settings_.telemetry.metrics_endpoint, "localhost:8888");
  EXPECT_EQ(settings_.telemetry.log_level, LogLevel::kInfo);
  EXPECT_FALSE(settings_.telemetry.total_suffix);
}

TEST_F(TelemetrySettingsTest, ReadsAPullReader) {
  EXPECT_EQ(check_telemetry("    logs: {level: debug}\n"
                            "    metrics:\n"
                            "      readers:\n"
                            "        - pull:\n"
                            "            exporter:\n"
                            "              prometheus: {host: '::1', port: 9000, "
                            "without_type_suffix: false}\n"),
            "");
  EXPECT_EQ(settings_.telemetry.log_level, LogLevel::kDebug);
  EXPECT_EQ(settings_.telemetry.metrics_endpoint, "[::1]:9000");
  EXPECT_TRUE(settings_.telemetry.total_suffix);
  EXPECT_THAT(warnings_.messages, IsEmpty());
}

TEST_F(TelemetrySettingsTest, TakesTheOldAddressWithAWarning) {
  EXPECT_EQ(check_telemetry("    metrics: {address: 0.0.0.0:8889}\n"), "");
  EXPECT_EQ(settings_.telemetry.metrics_endpoint, "0.0.0.0:8889");
  EXPECT_THAT(
      warnings_.messages,
      ElementsAre(HasSubstr("a.yaml:6:24: service::telemetry::metrics::address: was removed")));
  EXPECT_THAT(
      check_telemetry("    metrics: {address: a:1, readers: [{pull: {exporter: {prometheus: "
                      "}}}]}\n"),
      HasSubstr("a.yaml:6:24: service::telemetry::metrics::address: stands beside readers"));
}

TEST_F(TelemetrySettingsTest, CanBeOff) {
  EXPECT_EQ(check_telemetry("    metrics: {level: none}\n"), "");
  EXPECT_FALSE(settings_.telemetry.serve_metrics);
  EXPECT_EQ(check_telemetry("    metrics: {readers: []}\n"), "");
  EXPECT_FALSE(settings_.telemetry.serve_metrics);
}

TEST_F(TelemetrySettingsTest, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(check_telemetry("    logs: {level: loud, colour: red}\n"
                            "    metrics: {readers: [{pull: {exporter: {}}}]}\n"),
            "a.yaml:6:19: service::telemetry::logs::level: \"loud\" is none of debug, info, warn, "
            "error\n"
            "a.yaml:6:25: service::telemetry::logs: unknown key \"colour\"; known keys: "
            "development, disable_caller, disable_stacktrace, encoding, error_output_paths, "
            "initial_fields, level, output_paths, processors, sampling\n"
            "a.yaml:7:43: service::telemetry::metrics::readers[0]::pull::exporter::prometheus: is "
            "required and missing; it is the only exporter of a pull reader");
}

TEST_F(TelemetrySettingsTest, WarnsOfWhatHasNoEffect) {
  EXPECT_EQ(check_telemetry("    logs: {disable_caller: true, error_output_paths: [/x]}\n"
                            "    traces: {processors: []}\n"),
            "");
  EXPECT_EQ(warnings_.messages.size(), 3u);
}

TEST_F(TelemetrySettingsTest, ReadsHowTheLogIsWritten) {
  EXPECT_EQ(check_telemetry("    logs: {encoding: json, output_paths: [stdout, /tmp/x], sampling: "
                            "{enabled: true, tick: 1s, initial: 3, thereafter: 5}}\n"
                            "    resource: {service.name: x, service.version: }\n"),
            "");
  const LogOutput& output = settings_.telemetry.log_output;
  EXPECT_TRUE(output.json);
  EXPECT_THAT(output.paths, ElementsAre("stdout", "/tmp/x"));
  EXPECT_EQ(output.interval, std::chrono::seconds(1));
  EXPECT_EQ(output.initial, 3U);
  EXPECT_EQ(output.thereafter, 5U);
  EXPECT_EQ(settings_.telemetry.resource.at("service.name"), "x");
  EXPECT_EQ(settings_.telemetry.resource.at("service.version"), "");
  EXPECT_THAT(check_telemetry("    logs: {encoding: xml}\n"),
              HasSubstr("\"xml\" is none of console, json"));
  EXPECT_THAT(check_telemetry("    logs: {output_paths: []}\n"), HasSubstr("must name a file"));
}

}  // namespace
}  // namespace kernspan
