// Zipkin's JSON from clients: what is taken is a request that the wire code takes as well. The first
// byte chooses the version, and whether tags are parsed.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "pipeline/otlp/batch.h"
#include "pipeline/receivers/zipkin/zipkin_translator.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  kernspan::FuzzInput input({reinterpret_cast<const char*>(data), size});
  const std::uint8_t choice = input.take_byte();
  const kernspan::ZipkinOptions options{.parse_string_tags = (choice & 2) != 0, .now_unix_ns = 1};
  auto request = (choice & 1) != 0 ? kernspan::translate_zipkin_v1(input.take(size), options)
                                   : kernspan::translate_zipkin_v2(input.take(size), options);
  if (!request) return 0;
  if (!kernspan::otlp::Batch::from_wire(std::move(*request))) std::abort();
  return 0;
}
