#include "pipeline/service/translations/translations.h"

#include <gmock/gmock.h>

#include "pipeline/service/config_printer.h"
#include "tests/unit/pipeline/service/config_case.h"

namespace kernspan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Components of these types, none of which is ever made.
Registry registry_of_names() {
  Registry registry;
  registry.processors.push_back({.type = "resource_detection", .create = {}});
  registry.exporters.push_back({.type = "load_balancing", .create = {}});
  registry.connectors.push_back({.type = "span_metrics", .conversions = {}, .create = {}});
  registry.connectors.push_back({.type = "failover", .conversions = {}, .create = {}});
  for (const char* type : {"file_storage", "pprof", "bearertokenauth", "health_check"}) {
    registry.extensions.push_back({.type = type, .create = {}});
  }
  return registry;
}

class Translations : public ConfigCase {
 protected:
  const ConfigNode& translated(std::string_view yaml) {
    warnings_ = {};
    root_ = parse(yaml);
    translate({root_, KnownTypes(registry_of_names()), warnings_});
    return root_;
  }

  // The rules that changed something; none: the configuration is as it was.
  std::vector<std::string> rules_for(std::string_view yaml) {
    const std::string before = print_config(parse(yaml), {});
    const std::string after = print_config(translated(yaml), {});
    std::vector<std::string> rules;
    for (const ConfigDeviation& deviation : warnings_.deviations) {
      EXPECT_NE(deviation.position.line, 0) << deviation.what;
      rules.emplace_back(deviation.rule);
    }
    EXPECT_EQ(rules.empty(), before == after) << after;
    return rules;
  }

  std::vector<std::string> ids_at(std::initializer_list<std::string_view> path) {
    std::vector<std::string> ids;
    for (const IdView& id : ids_of(find_path(root_, path))) ids.push_back(id.id);
    return ids;
  }

  std::string text_at(std::initializer_list<std::string_view> path) {
    const ConfigNode* node = find_path(root_, path);
    return node == nullptr ? "(nothing)" : node->text();
  }

  ConfigNode root_;
};

TEST_F(Translations, MoveExtensionsFromAmongTheExporters) {
  EXPECT_THAT(rules_for("exporters: {file_storage: {directory: a, timeout: 1s}, otlp: }\n"
                        "extensions: {file_storage: {directory: b}}\n"),
              ElementsAre("extension_among_exporters"));
  EXPECT_EQ(text_at({"extensions", "file_storage", "directory"}), "b");
  EXPECT_EQ(text_at({"extensions", "file_storage", "timeout"}), "1s");
  EXPECT_EQ(find_path(root_, {"exporters", "file_storage"}), nullptr);
  EXPECT_THAT(rules_for("exporters: {file_storage: , pprof/x: }\n"), SizeIs(2));
  EXPECT_NE(find_path(root_, {"extensions", "pprof/x"}), nullptr);
}

TEST_F(Translations, LeaveAnExtensionThatAPipelineUsesAsAnExporter) {
  EXPECT_THAT(rules_for("exporters: {file_storage: }\n"
                        "service: {pipelines: {traces: {exporters: [file_storage]}}}\n"),
              IsEmpty());
}

TEST_F(Translations, EnableExtensionsThatAreNamed) {
  constexpr const char* kNames =
      "receivers: {otlp: {protocols: {grpc: {auth: {authenticator: bearertokenauth}}}}}\n"
      "exporters: {otlp: {sending_queue: {storage: file_storage/a}}}\n"
      "extensions: {file_storage/a: , bearertokenauth: }\n";
  EXPECT_THAT(rules_for(std::string(kNames) + "service: {extensions: [health_check]}\n"),
              ElementsAre("extension_not_enabled", "extension_not_enabled"));
  EXPECT_THAT(ids_at({"service", "extensions"}),
              ElementsAre("health_check", "bearertokenauth", "file_storage/a"));
  EXPECT_THAT(
      rules_for(std::string(kNames) + "service: {extensions: [file_storage/a, bearertokenauth]}\n"),
      IsEmpty());
  EXPECT_THAT(rules_for("exporters: {otlp: {sending_queue: {storage: file_storage}}}\n"),
              IsEmpty());
}

TEST_F(Translations, EnableExtensionsWithoutAList) {
  EXPECT_THAT(rules_for("exporters: {otlp: {sending_queue: {storage: file_storage}}}\n"
                        "extensions: {file_storage: }\nservice: {pipelines: {}}\n"),
              SizeIs(1));
  EXPECT_THAT(ids_at({"service", "extensions"}), ElementsAre("file_storage"));
}

TEST_F(Translations, DropTheProcessorThatBecameAConnector) {
  EXPECT_THAT(rules_for("processors: {batch: , spanmetrics: {dimensions: []}}\n"),
              ElementsAre("processor_became_connector"));
  EXPECT_EQ(find_path(root_, {"processors", "spanmetrics"}), nullptr);
  EXPECT_THAT(rules_for("processors: {spanmetrics: }\n"
                        "service: {pipelines: {traces: {processors: [spanmetrics]}}}\n"),
              IsEmpty());
}

TEST_F(Translations, CountRepeatedDimensionsOnce) {
  EXPECT_THAT(rules_for("connectors:\n  spanmetrics:\n    dimensions:\n"
                        "      [{name: a}, {name: service.name}, {name: a}, {glob: x}]\n"),
              ElementsAre("repeated_dimension", "repeated_dimension"));
  EXPECT_EQ(find_path(root_, {"connectors", "spanmetrics", "dimensions"})->items().size(), 2u);
  EXPECT_THAT(rules_for("connectors: {span_metrics: {dimensions: [{name: a}, {name: b}]}}\n"),
              IsEmpty());
}

TEST_F(Translations, FeedAConnectorThatOnlyStandsAmongReceivers) {
  constexpr const char* kMetrics = "metrics: {receivers: [spanmetrics], exporters: [prometheus]}";
  const std::string one =
      "connectors: {spanmetrics: }\nservice: {pipelines: {traces: {receivers: "
      "[otlp], exporters: [otlp]}, ";
  EXPECT_THAT(rules_for(one + kMetrics + "}}\n"), ElementsAre("connector_not_fed"));
  EXPECT_THAT(ids_at({"service", "pipelines", "traces", "exporters"}),
              ElementsAre("otlp", "spanmetrics"));
  EXPECT_THAT(warnings_.deviations[0].fix, HasSubstr("exporters: [otlp, spanmetrics]"));
  // Which of two was meant, nobody knows.
  EXPECT_THAT(
      rules_for(one + "traces/b: {receivers: [otlp], exporters: [otlp]}, " + kMetrics + "}}\n"),
      IsEmpty());
  EXPECT_THAT(rules_for("connectors: {spanmetrics: }\nservice: {pipelines: {traces: {receivers: "
                        "[otlp], exporters: [spanmetrics]}, " +
                        std::string(kMetrics) + "}}\n"),
              IsEmpty());
}

TEST_F(Translations, WriteAPipelineForEachLevelOfAFailover) {
  constexpr const char* kPipeline =
      "service: {pipelines: {traces: {receivers: [otlp], exporters: [failover]}}}\n";
  EXPECT_THAT(rules_for(std::string("connectors: {failover: {primary: otlp/a, fallback: [otlp/b, "
                                    "otlp/c]}}\n") +
                        kPipeline),
              ElementsAre("failover_primary"));
  EXPECT_THAT(ids_at({"service", "pipelines", "traces/failover_1", "exporters"}),
              ElementsAre("otlp/a"));
  EXPECT_THAT(ids_at({"service", "pipelines", "traces/failover_3", "exporters"}),
              ElementsAre("otlp/c"));
  EXPECT_THAT(ids_at({"service", "pipelines", "traces/failover_3", "receivers"}),
              ElementsAre("failover"));
  const ConfigNode* levels = find_path(root_, {"connectors", "failover", "priority_levels"});
  ASSERT_EQ(levels->items().size(), 3u);
  EXPECT_EQ(levels->items()[1].items()[0].text(), "traces/failover_2");
  EXPECT_EQ(find_path(root_, {"connectors", "failover", "primary"}), nullptr);
  EXPECT_THAT(rules_for(std::string("connectors: {failover: {priority_levels: [[traces/a]]}}\n") +
                        kPipeline),
              IsEmpty());
}

TEST_F(Translations, DropWhatClientCaFileDoesAlready) {
  const auto tls = [](const std::string& settings) {
    return "receivers: {otlp: {protocols: {grpc: {tls: {" + settings + "}}}}}\n";
  };
  EXPECT_THAT(rules_for(tls("client_ca_file: a, require_client_auth: true")),
              ElementsAre("require_client_auth"));
  EXPECT_THAT(rules_for(tls("require_client_auth: true")), IsEmpty());
  EXPECT_THAT(rules_for(tls("client_ca_file: a, require_client_auth: false")), IsEmpty());
}

TEST_F(Translations, ReadTheOldMetricsAddress) {
  const auto metrics = [](const std::string& settings) {
    return "service: {telemetry: {metrics: {" + settings + "}}}\n";
  };
  EXPECT_THAT(rules_for(metrics("address: '[::1]:8889'")), ElementsAre("metrics_address"));
  const ConfigNode& reader =
      find_path(root_, {"service", "telemetry", "metrics", "readers"})->items().at(0);
  const ConfigNode* prometheus = find_path(reader, {"pull", "exporter", "prometheus"});
  ASSERT_NE(prometheus, nullptr);
  EXPECT_EQ(prometheus->find("host")->text(), "[::1]");
  EXPECT_EQ(prometheus->find("port")->text(), "8889");
  EXPECT_THAT(rules_for(metrics("address: ':8888'")), SizeIs(1));
  EXPECT_THAT(rules_for(metrics("address: 'a:1', readers: []")), IsEmpty());
  EXPECT_THAT(rules_for(metrics("address: somewhere")), IsEmpty());
}

TEST_F(Translations, RenameDetectors) {
  EXPECT_THAT(rules_for("processors: {resourcedetection: {detectors: [env, kubernetes]}, "
                        "resource_detection/b: {detectors: [kubernetes_node, k8s_api]}}\n"),
              ElementsAre("detector_kubernetes", "detector_kubernetes"));
  EXPECT_THAT(ids_at({"processors", "resourcedetection", "detectors"}),
              ElementsAre("env", "k8s_api"));
  EXPECT_THAT(rules_for("processors: {resourcedetection: {detectors: [env, k8s_api]}, "
                        "other: {detectors: [kubernetes]}}\n"),
              IsEmpty());
}

TEST_F(Translations, ReadTheNodeDetectorsSettings) {
  EXPECT_THAT(rules_for("processors: {resourcedetection: {k8snode: {auth_type: serviceAccount, "
                        "context: '', node_from_env_var: NODE}}}\n"),
              ElementsAre("detector_k8snode"));
  EXPECT_EQ(text_at({"processors", "resourcedetection", "k8s_api", "node_from_env_var"}), "NODE");
  EXPECT_EQ(find_path(root_, {"processors", "resourcedetection", "k8s_api", "context"}), nullptr);
  EXPECT_EQ(find_path(root_, {"processors", "resourcedetection", "k8snode"}), nullptr);
}

TEST_F(Translations, TakeTheDetectorsOldNameWithoutAWord) {
  translated(
      "processors: {resourcedetection: {detectors: [k8snode], k8snode: {auth_type: none}}}\n");
  EXPECT_THAT(warnings_.deviations, IsEmpty());
  EXPECT_THAT(ids_at({"processors", "resourcedetection", "detectors"}), ElementsAre("k8s_api"));
  EXPECT_EQ(text_at({"processors", "resourcedetection", "k8s_api", "auth_type"}), "none");
}

TEST_F(Translations, QuoteTheResolversPort) {
  EXPECT_THAT(
      rules_for("exporters: {loadbalancing: {resolver: {dns: {hostname: a, port: 4318}}}}\n"),
      ElementsAre("plain_as_string"));
  EXPECT_TRUE(
      find_path(root_, {"exporters", "loadbalancing", "resolver", "dns", "port"})->quoted());
  EXPECT_THAT(rules_for("exporters: {load_balancing: {resolver: {dns: {port: '4318'}}}}\n"),
              IsEmpty());
}

TEST_F(Translations, BearAnyShape) {
  for (const char* yaml :
       {"", "exporters: [a]\n", "exporters: {file_storage: [], a/: 5}\nextensions: 3\nservice: x\n",
        "connectors: {spanmetrics: {dimensions: x}, failover: {primary: [[]], fallback: {a: b}}}\n"
        "service: {pipelines: {traces: , metrics: [spanmetrics]}}\n",
        "service: {telemetry: {metrics: {address: [1]}}, extensions: {a: b}}\n"
        "processors: {resourcedetection: {detectors: {a: b}, k8snode: 5}}\n"}) {
    translated(yaml);
  }
}

}  // namespace
}  // namespace kernspan
