#include "tests/unit/tools/kernspan/doctor/rule_case.h"

namespace kernspan::doctor {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

class ExposureRules : public RuleCase {};

TEST_F(ExposureRules, AuthenticatorsThatNobodyNames) {
  const auto yaml = [](const std::string& auth, const std::string& enabled) {
    return "receivers: {otlp: {protocols: {grpc: {" + auth +
           "}}}}\nextensions: {bearertokenauth: }\nservice: {extensions: [" + enabled +
           "], pipelines: {traces: {receivers: [otlp], exporters: [otlp]}}}\n";
  };
  EXPECT_THAT(found("authenticator_unused", yaml("", "bearertokenauth")),
              StartsWith("a.yaml:2:14 warning: extensions::bearertokenauth"));
  EXPECT_EQ(found("authenticator_unused",
                  yaml("auth: {authenticator: bearertokenauth}", "bearertokenauth")),
            "");
  EXPECT_EQ(found("authenticator_unused", yaml("", "")), "");
}

TEST_F(ExposureRules, HttpBesideMutualTls) {
  const auto yaml = [](const std::string& http) {
    return "receivers: {otlp: {protocols: {grpc: {tls: {client_ca_file: a}}, " + http + "}}}\n" +
           pipeline("", "otlp");
  };
  EXPECT_THAT(found("http_past_mutual_tls", yaml("http: {tls: {cert_file: b}}")),
              HasSubstr("HTTP does not"));
  EXPECT_EQ(found("http_past_mutual_tls", yaml("http: {tls: {client_ca_file: a}}")), "");
  EXPECT_EQ(found("http_past_mutual_tls", yaml("")), "");
}

TEST_F(ExposureRules, PortsOnEveryInterface) {
  const auto yaml = [](const std::string& grpc) {
    return "receivers: {otlp: {protocols: {grpc: {" + grpc + "}}}}\n" + pipeline("", "otlp");
  };
  EXPECT_THAT(found("open_port", yaml("endpoint: '0.0.0.0:4317'")),
              AllOf(HasSubstr(" warning: "), HasSubstr("whoever reaches it")));
  EXPECT_THAT(found("open_port", yaml("endpoint: ':4317', tls: {client_ca_file: a}")),
              HasSubstr(" info: "));
  EXPECT_THAT(found("open_port", yaml("endpoint: '[::]:4317'")), HasSubstr("[::]:4317"));
  EXPECT_EQ(found("open_port", yaml("endpoint: 'localhost:4317'")), "");
  EXPECT_EQ(found("open_port", yaml("endpoint: ''")), "");
  EXPECT_THAT(find("open_port",
                   "extensions: {pprof: {endpoint: '0.0.0.0:1777'}, health_check: {endpoint: "
                   "'0.0.0.0:13133'}, zpages: {endpoint: '0.0.0.0:1'}}\nexporters: {prometheus: "
                   "{endpoint: '0.0.0.0:8889'}}\nservice: {extensions: [pprof, health_check], "
                   "pipelines: {metrics: {exporters: [prometheus]}}}\n"),
              SizeIs(3));
}

TEST_F(ExposureRules, NamesOfAnotherCluster) {
  const auto yaml = [](const std::string& endpoint) {
    return "exporters: {otlp: {endpoint: '" + endpoint + "', tls: {insecure: true}}}\n" +
           pipeline("", "otlp");
  };
  EXPECT_THAT(found("cluster_name_outside", yaml("hub.central.svc.cluster.local:4317")),
              AllOf(HasSubstr("only its own cluster"), HasSubstr("in the clear")));
  EXPECT_EQ(found("cluster_name_outside", yaml("gateway.monitoring.svc.cluster.local:4317")), "");
  EXPECT_EQ(found("cluster_name_outside", yaml("hub.example.com:4317")), "");
}

TEST_F(ExposureRules, ClearText) {
  const auto yaml = [](const std::string& settings) {
    return "exporters: {otlp: {" + settings + "}}\n" + pipeline("", "otlp");
  };
  EXPECT_THAT(found("clear_text", yaml("endpoint: 'far:1', tls: {insecure: true}")),
              HasSubstr("far unencrypted"));
  EXPECT_THAT(found("clear_text", yaml("endpoint: 'http://far:1'")), HasSubstr("far unencrypted"));
  EXPECT_EQ(found("clear_text", yaml("endpoint: 'far:1'")), "");
  EXPECT_EQ(found("clear_text", yaml("endpoint: '127.0.0.1:1', tls: {insecure: true}")), "");
  EXPECT_THAT(found("clear_text",
                    "exporters: {loadbalancing: {protocol: {otlp: {tls: {insecure: "
                    "true}}}}}\n" +
                        pipeline("", "loadbalancing")),
              HasSubstr("the peers"));
}

TEST_F(ExposureRules, SecretsInTheFile) {
  variables_ = {{"TOKEN", "hunter2"}};
  const auto yaml = [](const std::string& token) {
    return "exporters: {otlp: {headers: {x-token: '" + token + "', accept: b}}}\n";
  };
  EXPECT_THAT(
      found("secret_in_the_file", yaml("hunter2")),
      AllOf(HasSubstr("exporters::otlp::headers::x-token"), ::testing::Not(HasSubstr("hunter2"))));
  EXPECT_EQ(found("secret_in_the_file", yaml("${TOKEN}")), "");
  EXPECT_EQ(found("secret_in_the_file", yaml("Bearer ${env:TOKEN}")), "");
  EXPECT_EQ(found("secret_in_the_file", "extensions: {bearertokenauth: {token_file: /a}}\n"), "");
}

}  // namespace
}  // namespace kernspan::doctor
