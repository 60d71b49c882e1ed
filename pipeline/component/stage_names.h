#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace kernspan {

// How the ledger calls a component: "exporters/otlp"; a processor, which exists once per pipeline,
// "processors/batch (traces)".
inline std::string stage_of(std::string_view section, std::string_view id,
                            std::string_view pipeline = "") {
  if (pipeline.empty()) return fmt::format("{}/{}", section, id);
  return fmt::format("{}/{} ({})", section, id, pipeline);
}

}  // namespace kernspan
