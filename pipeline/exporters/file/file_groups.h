#pragma once

#include <string>
#include <vector>

#include "pipeline/exporters/file/file_settings.h"
#include "pipeline/otlp/batch.h"

namespace kernspan {

struct FileGroup {
  std::string path;
  otlp::Batch batch;
};

// The resources of a batch by the file that they belong into: the attribute's value in place of the
// path's *. What the value says about directories stays below the path: "../x" is "x". Resources
// without the attribute go to MISSING.
std::vector<FileGroup> group_by_file(const otlp::Batch& batch, const std::string& path,
                                     const FileGroupSettings& settings);

}  // namespace kernspan
