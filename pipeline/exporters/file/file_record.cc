#include "pipeline/exporters/file/file_record.h"

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "pipeline/otlp/compress.h"
#include "pipeline/otlp/json_writer.h"

namespace kernspan {
namespace {

std::string with_length(std::string_view content) {
  const auto size = static_cast<std::uint32_t>(content.size());  // a batch has less than 2 GiB
  std::string framed;
  framed.reserve(sizeof size + content.size());
  for (const int shift : {24, 16, 8, 0}) framed += static_cast<char>(size >> shift);
  framed += content;
  return framed;
}

}  // namespace

FileRecord make_file_record(const otlp::Batch& batch, FileFormat format, bool zstd) {
  FileRecord record{.bytes = {}, .items = batch.item_count(), .signal = batch.signal()};
  if (format == FileFormat::kProto) {
    std::vector<std::string_view> pieces;
    for (const otlp::Slice& slice : batch.slices()) pieces.push_back(slice.view());
    record.bytes = with_length(zstd ? otlp::zstd(pieces) : std::string(batch.joined().view()));
    return record;
  }
  std::string json;
  const otlp::JsonOutcome outcome = otlp::append_json(batch, json);
  record.items = outcome.items;
  record.malformed_items = outcome.malformed_items;
  if (zstd) {
    const std::array<std::string_view, 1> pieces = {json};
    record.bytes = with_length(otlp::zstd(pieces));
  } else {
    record.bytes = std::move(json);
    record.bytes += '\n';
  }
  return record;
}

}  // namespace kernspan
