#include "pipeline/service/certificate_metrics.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <ctime>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/otlp/pem_file.h"

namespace kernspan {
namespace {

struct CertificateFile {
  std::string component;  // the path of its settings: "exporters::otlp::tls"
  std::string file;
};

// Wherever they stand below a component's key.
void find_files(const ConfigNode& node, const std::string& path,
                std::vector<CertificateFile>& found) {
  for (const ConfigEntry& entry : node.entries()) {
    if (entry.key == "cert_file" && entry.value.is_scalar() && !entry.value.text().empty()) {
      found.push_back({.component = path, .file = entry.value.text()});
    }
    find_files(entry.value, path + "::" + entry.key, found);
  }
  for (const ConfigNode& item : node.items()) find_files(item, path, found);
}

std::set<std::string> ids(const std::vector<ComponentReference>& references) {
  std::set<std::string> ids;
  for (const ComponentReference& reference : references) ids.insert(reference.id);
  return ids;
}

std::vector<CertificateFile> files_of(const ServiceSettings& settings) {
  std::set<std::string> receivers, processors, exporters;
  for (const PipelineSettings& pipeline : settings.pipelines) {
    receivers.merge(ids(pipeline.receivers));
    processors.merge(ids(pipeline.processors));
    exporters.merge(ids(pipeline.exporters));
  }
  std::vector<CertificateFile> found;
  const auto look_at = [&](const std::string& kind, const std::vector<ComponentSettings>& all,
                           const std::set<std::string>& used) {
    for (const ComponentSettings& component : all) {
      if (used.contains(component.id)) {
        find_files(component.node, kind + "::" + component.id, found);
      }
    }
  };
  look_at("receivers", settings.receivers, receivers);
  look_at("processors", settings.processors, processors);
  look_at("exporters", settings.exporters, exporters);
  look_at("extensions", settings.extensions, ids(settings.used_extensions));
  return found;
}

std::optional<double> end_of_certificate(const std::string& file) {
  const Result<std::string> pem = otlp::read_pem_file(file);
  if (!pem) return std::nullopt;
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(pem->data(), static_cast<int>(pem->size())), BIO_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(
      PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free);
  if (certificate == nullptr) {
    ERR_clear_error();
    return std::nullopt;
  }
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end) != 1) return std::nullopt;
  return static_cast<double>(::timegm(&end));
}

}  // namespace

Metrics::Registration add_certificate_metrics(Metrics& metrics, const ServiceSettings& settings) {
  return metrics.add_collector([files = files_of(settings)](std::vector<MetricFamily>& families) {
    MetricFamily family{.name = "kernspan_tls_certificate_expiration_timestamp_seconds",
                        .help = "When the certificate in a component's cert_file ends.",
                        .type = MetricType::kGauge,
                        .samples = {}};
    for (const auto& [component, file] : files) {
      if (const std::optional<double> end = end_of_certificate(file)) {
        family.samples.push_back(
            {.labels = {{"component", component}, {"file", file}}, .value = *end});
      }
    }
    if (!family.samples.empty()) families.push_back(std::move(family));
  });
}

}  // namespace kernspan
