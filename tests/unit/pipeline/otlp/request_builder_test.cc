#include "pipeline/otlp/request_builder.h"

#include <gtest/gtest.h>

#include <string>

#include "pipeline/otlp/span_encoder.h"
#include "pipeline/otlp/span_index.h"

namespace kernspan::otlp {
namespace {

Batch one_span() {
  RequestEncoder encoder;
  SpanData span{};
  span.trace_id.bytes.fill(1);
  span.span_id.bytes.fill(2);
  span.name = "GET";
  encoder.add_span(span);
  return encoder.take();
}

// Blocks of memory for what is new end somewhere; a field with its header must be in one of them,
// since the next component walks over what this one has written.
TEST(RequestBuilder, NewItemsAreWholeInOneSliceWhereverABlockEnds) {
  const SpanIndex source(one_span());
  const std::string content(source.bytes(0));
  constexpr std::size_t kSpans = 200;
  for (std::size_t padding = 0; padding < 64; ++padding) {
    RequestBuilder builder(source.tree(), Signal::kTraces);
    for (std::size_t i = 0; i < kSpans; ++i) {
      // An unknown field makes it longer: 0x3fff, bytes.
      std::string longer = content + std::string("\xfa\xff\x07", 3);
      longer += static_cast<char>(padding);
      longer += std::string(padding, 'x');
      builder.add_new(source.spans()[0].scope, longer);
    }
    const SpanIndex built(builder.take());
    ASSERT_EQ(built.size(), kSpans) << "padding " << padding;
    for (std::size_t i = 0; i < kSpans; ++i) {
      ASSERT_EQ(built.spans()[i].trace_id, source.spans()[0].trace_id) << padding << ", span " << i;
      ASSERT_EQ(built.bytes(i).size(), content.size() + 4 + padding);
    }
  }
}

}  // namespace
}  // namespace kernspan::otlp
