#include "tools/kernspan/doctor/doctor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tools/kernspan/doctor/diagnosis.h"
#include "tools/kernspan/doctor/report.h"
#include "tools/kernspan/validate/known_components.h"

namespace kernspan::tools {
namespace {

constexpr int kFound = 1;
constexpr int kUnreadable = 2;

struct Options {
  std::vector<std::string> sources;
  std::string format = "text";
  std::string fail_on = "error";
  std::uint64_t memory_bytes = 0;  // 0: not known
  std::uint64_t replicas = 0;      // 0: not known
};

int examine(const Options& options) {
  doctor::Circumstances circumstances;
  if (options.memory_bytes > 0) circumstances.memory_bytes = options.memory_bytes;
  if (options.replicas > 0) circumstances.replicas = options.replicas;
  const Result<std::vector<doctor::Finding>> findings =
      doctor::diagnose(options.sources, process_environment(), known_components(), circumstances);
  if (!findings) {
    fmt::print(stderr, "{}\n", findings.error().message);
    return kUnreadable;
  }
  fmt::print("{}", options.format == "json" ? doctor::json_report(*findings)
                                            : doctor::text_report(*findings));
  const auto threshold = doctor::severity_named(options.fail_on);
  const bool is_found = threshold && std::ranges::any_of(*findings, [&](const auto& finding) {
                          return finding.severity >= *threshold;
                        });
  return is_found ? kFound : 0;
}

}  // namespace

std::function<int()> declare_doctor(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("CONFIG", options->sources,
                 "Configurations, merged in this order, and rule files of Prometheus")
      ->required();
  app.add_option("--format", options->format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.add_option("--fail-on", options->fail_on, "The least severity that makes the exit code 1")
      ->check(CLI::IsMember({"info", "warning", "error", "never"}))
      ->capture_default_str();
  app.add_option("--memory", options->memory_bytes, "The container's memory limit, such as 4GiB")
      ->transform(CLI::AsSizeValue(false));
  app.add_option("--replicas", options->replicas, "How many replicas run behind one service");
  app.footer("Exit code 0: nothing as bad as --fail-on. 1: something. 2: a source cannot be read.");
  return [options] { return examine(*options); };
}

}  // namespace kernspan::tools
