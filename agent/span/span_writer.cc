#include "agent/span/span_writer.h"

#include <algorithm>

namespace kernspan {

void SpanWriter::write(const Exchange& exchange, const SpanContext& context,
                       otlp::RequestEncoder& encoder) {
  attributes_.set_peer(context.peer);
  if (exchange.is_grpc()) {
    grpc_.write(exchange, context.options, attributes_, http_.counters(), encoder);
  } else {
    http_.write(exchange, context, attributes_, encoder);
  }
}

void SpanWriter::write_interim(const Exchange& exchange, const SpanContext& context, SpanId span_id,
                               std::uint64_t now_ns, otlp::RequestEncoder& encoder) {
  const StreamFacts& facts = *exchange.stream;
  attributes_.clear();
  if (exchange.is_grpc()) {
    name_ = grpc_span_name(exchange);
    add_grpc_method(exchange, attributes_);
    add_grpc_messages(exchange, attributes_);
  } else {
    name_ = http_.name(exchange, context);
  }
  name_ += " (in progress)";
  attributes_.add("kernspan.interim", true);
  attributes_.add("kernspan.interim.number", std::int64_t{facts.reports});
  attributes_.add_trace_mark(exchange);
  const std::uint64_t start_ns = std::max(exchange.start_ns, facts.last_report_ns);
  otlp::SpanData span = attributes_.span(exchange, name_, false);
  span.parent_span_id = exchange.span_id;
  span.span_id = span_id;
  span.kind = otlp::SpanKind::kInternal;
  span.start_time_unix_ns = wall_ns(exchange, start_ns);
  span.end_time_unix_ns = wall_ns(exchange, std::max(start_ns, now_ns));
  encoder.add_span(span);
}

}  // namespace kernspan
