// The daemon's API: docs.docker.com/reference/api/engine, GET /info.
#include "pipeline/processors/resource_detection/docker_detector.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "pipeline/processors/resource_detection/http_fetch.h"

namespace kernspan {
namespace {

class DockerDetector final : public Detector {
 public:
  DockerDetector(DockerDetectorSettings settings, const DetectionSources& sources)
      : settings_(std::move(settings)), sources_(sources) {}

  Result<DetectedAttributes> detect(std::chrono::steady_clock::time_point deadline) override {
    const Result<std::filesystem::path> socket = socket_path();
    if (!socket) return std::unexpected(socket.error());
    if (std::error_code error; !std::filesystem::exists(*socket, error)) {
      return permanent(
          fmt::format("there is no {}: mount it, or remove the detector docker", socket->string()));
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    const Result<std::string> body = http_fetch({.url = "http://docker/info",
                                                 .unix_socket = *socket,
                                                 .ca_file = "",
                                                 .bearer_token = "",
                                                 .timeout = left});
    if (!body)
      return std::unexpected(
          Error{body.error().kind, socket->string() + ": " + body.error().message});
    const nlohmann::json info = nlohmann::json::parse(*body, nullptr, false);
    DetectedAttributes found;
    if (!add(info, "Name", "host.name", found) || !add(info, "OSType", "os.type", found)) {
      return permanent(fmt::format("{}: the answer to /info is not Docker's", socket->string()));
    }
    return found;
  }

 private:
  Result<std::filesystem::path> socket_path() const {
    constexpr std::string_view kUnix = "unix://";
    const std::string host = sources_.environment("DOCKER_HOST").value_or("");
    if (host.empty()) return sources_.root / "var/run/docker.sock";
    if (host.starts_with(kUnix)) return std::filesystem::path(host.substr(kUnix.size()));
    return permanent("DOCKER_HOST is not a Unix socket: only unix:///path is supported");
  }

  bool add(const nlohmann::json& info, const char* member, const char* attribute,
           DetectedAttributes& found) const {
    if (!settings_.attributes.enabled(attribute)) return true;
    if (!info.is_object()) return false;
    const auto value = info.find(member);
    if (value == info.end() || !value->is_string()) return false;
    found.emplace_back(attribute, value->get<std::string>());
    return true;
  }

  const DockerDetectorSettings settings_;
  const DetectionSources sources_;
};

}  // namespace

std::unique_ptr<Detector> make_docker_detector(DockerDetectorSettings settings,
                                               const DetectionSources& sources) {
  return std::make_unique<DockerDetector>(std::move(settings), sources);
}

}  // namespace kernspan
