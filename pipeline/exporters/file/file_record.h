// How a batch looks in a file, in upstream's framing:
//   json              the OTLP JSON object, then a line break
//   proto             4 bytes of length, most significant first, then the request
//   json/proto, zstd  4 bytes of length, then one zstd frame of the object or the request
#pragma once

#include <cstddef>
#include <string>

#include "pipeline/exporters/file/file_settings.h"
#include "pipeline/otlp/batch.h"

namespace kernspan {

struct FileRecord {
  std::string bytes;
  std::size_t items = 0;
  std::size_t malformed_items = 0;  // left out
  otlp::Signal signal = otlp::Signal::kTraces;
};

FileRecord make_file_record(const otlp::Batch& batch, FileFormat format, bool zstd);

}  // namespace kernspan
