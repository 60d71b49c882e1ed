// Everything that reads OTLP bytes from outside: the index, the cut, the JSON writer and what reads
// its output, gzip, and the answers of peers. The first byte chooses where a batch is cut.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "pipeline/otlp/batch.h"
#include "pipeline/otlp/gunzip.h"
#include "pipeline/otlp/json_reader.h"
#include "pipeline/otlp/json_writer.h"
#include "pipeline/otlp/rpc_status.h"
#include "pipeline/otlp/split.h"

namespace {

using kernspan::otlp::Batch;

void check(bool condition) {
  if (!condition) std::abort();
}

std::string joined(const Batch& batch) {
  std::string bytes;
  for (const std::string_view slice : batch.slices()) bytes += slice;
  return bytes;
}

void check_json(const Batch& batch) {
  std::string json;
  const auto outcome = kernspan::otlp::append_json(batch, json);
  check(outcome.items + outcome.malformed_items == batch.item_count());
  check(json.find('\n') == std::string::npos);
  const auto records = kernspan::otlp::parse_json_spans(json);
  check(records.has_value());
  check(records->size() == outcome.items);
}

// The pieces are well-formed requests, none too large, and no span is lost.
void check_split(const Batch& batch, std::size_t max_spans) {
  std::size_t spans = 0;
  for (const Batch& piece : kernspan::otlp::split(batch.clone(), max_spans)) {
    const auto again = Batch::from_wire(joined(piece));
    check(again.has_value());
    check(again->item_count() == piece.item_count());
    check(piece.item_count() <= max_spans);
    spans += piece.item_count();
  }
  check(spans == batch.item_count());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t max_spans = data[0] % 16 + 1U;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);

  const auto batch = Batch::from_wire(std::string(bytes));
  if (batch) {
    check_json(*batch);
    check_split(*batch, max_spans);
  }
  constexpr std::size_t kMaxInflated = 1 << 16;
  const auto inflated = kernspan::otlp::gunzip({&bytes, 1}, kMaxInflated);
  check(!inflated || inflated->size() <= kMaxInflated);
  static_cast<void>(kernspan::otlp::parse_json_spans(bytes));
  static_cast<void>(kernspan::otlp::parse_export_response(bytes));
  static_cast<void>(kernspan::otlp::parse_retry_delay(bytes));
  return 0;
}
