#pragma once

#include <string>
#include <string_view>

namespace kernspan::kube {

// "docker.io/library/nginx:1.25" is the repository and the tag; without a tag it is "latest", unless
// there is a digest.
struct ImageName {
  std::string repository;
  std::string tag;
  std::string digest;
};
ImageName parse_image(std::string_view image);

// service.version by OpenTelemetry's rules for Kubernetes: "<tag>@<digest>", or what there is of the
// two. "latest" is no version. May be empty.
std::string service_version_of(const ImageName& image);

}  // namespace kernspan::kube
