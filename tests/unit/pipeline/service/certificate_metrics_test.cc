#include "pipeline/service/certificate_metrics.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <ctime>

#include "tests/unit/pipeline/certificates.h"
#include "tests/unit/pipeline/service/config_case.h"

namespace kernspan {
namespace {

constexpr std::string_view kName = "kernspan_tls_certificate_expiration_timestamp_seconds";
constexpr double kDay = 86400;

class CertificateMetrics : public ConfigCase {
 protected:
  CertificateMetrics() { certificates_.issue("server"); }

  ComponentSettings component(const std::string& id, const std::string& yaml) {
    return {.id = id, .type = id, .position = {}, .node = parse(yaml)};
  }

  std::string exposed(const ServiceSettings& settings) {
    const Metrics::Registration registration = add_certificate_metrics(metrics_, settings);
    return metrics_.text(CounterNames::kPlain);
  }
  // Of the only line; 0 when there is none.
  double value(const std::string& text) {
    const auto begin = text.find(fmt::format("{}{{", kName));
    return begin == std::string::npos ? 0 : std::stod(text.substr(text.find("} ", begin) + 2));
  }

  Certificates certificates_;
  Metrics metrics_;
};

TEST_F(CertificateMetrics, SaysWhenEachFileOfAUsedComponentEnds) {
  const std::string tls = fmt::format("tls: {{cert_file: {}}}", certificates_.path("server.pem"));
  ServiceSettings settings;
  settings.receivers = {component("otlp", "protocols: {grpc: {" + tls + "}}"),
                        component("unused", tls)};
  settings.pipelines = {{.id = "traces",
                         .signal = otlp::Signal::kTraces,
                         .position = {},
                         .receivers = {{.id = "otlp", .position = {}}},
                         .processors = {},
                         .exporters = {},
                         .connectors_in = {},
                         .connectors_out = {}}};
  const std::string text = exposed(settings);
  EXPECT_NE(
      text.find(fmt::format("{}{{component=\"receivers::otlp::protocols::grpc::tls\",file=\"{}\"}}",
                            kName, certificates_.path("server.pem"))),
      std::string::npos)
      << text;
  EXPECT_EQ(text.find("unused"), std::string::npos);
  EXPECT_NEAR(value(text), static_cast<double>(std::time(nullptr)) + 2 * kDay, 600);
}

TEST_F(CertificateMetrics, FollowsTheFile) {
  ServiceSettings settings;
  settings.extensions = {
      component("replicas", fmt::format("cert_file: {}", certificates_.path("server.pem")))};
  settings.used_extensions = {{.id = "replicas", .position = {}}};
  const double first = value(exposed(settings));
  certificates_.issue("next", "ca", 5);
  certificates_.replace("server", "next");
  EXPECT_NEAR(value(exposed(settings)) - first, 3 * kDay, 600);
}

TEST_F(CertificateMetrics, HasNoValueForWhatHoldsNoCertificate) {
  ServiceSettings settings;
  settings.extensions = {
      component("missing", "cert_file: /nonexistent.pem"),
      component("key", fmt::format("cert_file: {}", certificates_.path("server.key"))),
      component("none", "cert_file: ''")};
  for (const char* id : {"missing", "key", "none"}) {
    settings.used_extensions.push_back({.id = id, .position = {}});
  }
  EXPECT_EQ(exposed(settings).find(kName), std::string::npos);
}

}  // namespace
}  // namespace kernspan
