#include "pipeline/kubernetes/image_name.h"

namespace kernspan::kube {

ImageName parse_image(std::string_view image) {
  ImageName name;
  if (const std::size_t at = image.find('@'); at != std::string_view::npos) {
    name.digest = image.substr(at + 1);
    image = image.substr(0, at);
  }
  const std::size_t slash = image.rfind('/');
  const std::size_t colon = image.rfind(':');
  const bool has_tag =
      colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash);
  name.repository = image.substr(0, has_tag ? colon : image.size());
  if (has_tag) {
    name.tag = image.substr(colon + 1);
  } else if (name.digest.empty() && !image.empty()) {
    name.tag = "latest";
  }
  return name;
}

std::string service_version_of(const ImageName& image) {
  std::string version = image.tag == "latest" ? "" : image.tag;
  if (!image.digest.empty()) version += (version.empty() ? "" : "@") + image.digest;
  return version;
}

}  // namespace kernspan::kube
