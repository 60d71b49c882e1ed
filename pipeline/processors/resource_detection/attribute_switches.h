#pragma once

#include <map>
#include <string>
#include <string_view>

#include "pipeline/component/config_reader.h"

namespace kernspan {

// Which of its attributes a detector reports: resource_attributes: {host.id: {enabled: true}}.
class AttributeSwitches {
 public:
  // What the detector can report, and whether it does unless told otherwise.
  explicit AttributeSwitches(std::map<std::string, bool, std::less<>> defaults)
      : enabled_(std::move(defaults)) {}

  // Attributes that upstream has and this detector has not may be switched off only. Problems go to
  // the reader's finish().
  void read(ConfigReader& detector);

  bool enabled(std::string_view name) const {
    const auto found = enabled_.find(name);
    return found != enabled_.end() && found->second;
  }

 private:
  std::map<std::string, bool, std::less<>> enabled_;
};

}  // namespace kernspan
