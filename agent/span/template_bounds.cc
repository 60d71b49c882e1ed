#include "agent/span/template_bounds.h"

namespace kernspan {

bool TemplateBounds::admits(std::string_view service, std::string_view text,
                            std::size_t per_service_max, bool may_add) {
  auto place = services_.find(service);
  if (place != services_.end() && place->second.contains(text)) return true;
  if (!may_add) return false;
  if (place != services_.end() && place->second.size() >= per_service_max) return false;
  if (total_ >= kTotalMax) {
    forgotten_ += total_;
    services_.clear();
    total_ = 0;
    place = services_.end();
  }
  if (place == services_.end()) place = services_.emplace(service, Texts{}).first;
  place->second.emplace(text);
  ++total_;
  return true;
}

}  // namespace kernspan
