// OTLP JSON from clients: what is taken is a request that the wire code takes as well. The first
// byte chooses the signal.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "pipeline/otlp/batch.h"
#include "pipeline/otlp/json_request.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  kernspan::FuzzInput input({reinterpret_cast<const char*>(data), size});
  const auto signal = input.take_byte() % 2 == 0 ? kernspan::otlp::Signal::kTraces
                                                 : kernspan::otlp::Signal::kMetrics;
  auto request = kernspan::otlp::encode_json_request(input.take(size), signal);
  if (!request) {
    if (request.error().message.empty()) std::abort();
    return 0;
  }
  if (!kernspan::otlp::Batch::from_wire(std::move(*request), signal)) std::abort();
  return 0;
}
