// The `selectors` list of the `ebpf` receiver, and the file that may hold it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/receiver/span_settings.h"
#include "agent/select/selectors.h"
#include "pipeline/base/error.h"
#include "pipeline/component/config_reader.h"

namespace kernspan {

inline constexpr std::size_t kSelectorsMax = 256;

// The rules below `selectors`; each begins with `defaults`, and its own `http` section counts over
// that. Problems are the reader's.
std::vector<SelectorRule> read_selectors(ConfigReader& reader, const SpanSettings& defaults);

// A file of selectors: a map with `selectors`, and perhaps an `http` section over `defaults`. At most
// 1 MiB. The error has file, line and column of each problem.
Result<std::shared_ptr<const Selectors>> load_selectors(const std::string& path,
                                                        const SpanSettings& defaults);

}  // namespace kernspan
