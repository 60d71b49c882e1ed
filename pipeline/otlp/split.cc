#include "pipeline/otlp/split.h"

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "pipeline/otlp/wire_fields.h"

namespace kernspan::otlp {
namespace {

using protozero::pbf_reader;
using protozero::pbf_writer;

// Skips the field that next() has found and returns all of its bytes, from `before`, which is where
// the reader stood before next().
std::string_view skip_whole(pbf_reader& message, const char* before) {
  message.skip();
  return {before, static_cast<std::size_t>(message.data().data() - before)};
}

// Everything of a message but one repeated field: what each piece must repeat.
std::string without(pbf_reader message, std::uint32_t field) {
  std::string rest;
  const char* before = message.data().data();
  while (message.next()) {
    const bool keep = message.tag() != field;
    const std::string_view whole = skip_whole(message, before);
    if (keep) rest += whole;
    before = message.data().data();
  }
  return rest;
}

class Splitter {
 public:
  explicit Splitter(std::size_t max_spans) : max_spans_(max_spans) {}

  void add_request(pbf_reader request) {
    while (request.next(wire::request::kResourceSpans)) add_resource_spans(request.get_message());
  }

  std::vector<Batch> finish() {
    if (spans_ != 0) cut();
    return std::move(pieces_);
  }

 private:
  void add_resource_spans(pbf_reader message) {
    resource_ = without(message, wire::resource_spans::kScopeSpans);
    while (message.next(wire::resource_spans::kScopeSpans)) add_scope_spans(message.get_message());
    close_resource();
  }

  void add_scope_spans(pbf_reader message) {
    scope_ = without(message, wire::scope_spans::kSpans);
    const char* before = message.data().data();
    while (message.next()) {
      const bool is_span = message.tag() == wire::scope_spans::kSpans;
      const std::string_view whole = skip_whole(message, before);
      before = message.data().data();
      if (!is_span) continue;
      scope_spans_ += whole;
      if (++spans_ == max_spans_) cut();
    }
    close_scope();
  }

  // Ends the piece, through the middle of the scope and the resource that are open.
  void cut() {
    close_scope();
    close_resource();
    pieces_.push_back(Batch::from_encoder(std::move(request_), spans_));
    request_.clear();
    spans_ = 0;
  }

  void close_scope() {
    if (scope_spans_.empty()) return;
    pbf_writer(resource_spans_).add_bytes(wire::resource_spans::kScopeSpans, scope_ + scope_spans_);
    scope_spans_.clear();
  }

  void close_resource() {
    if (resource_spans_.empty()) return;
    pbf_writer(request_).add_bytes(wire::request::kResourceSpans, resource_ + resource_spans_);
    resource_spans_.clear();
  }

  const std::size_t max_spans_;
  std::string resource_;        // fields of the open ResourceSpans that are no scope spans
  std::string scope_;           // fields of the open ScopeSpans that are no spans
  std::string scope_spans_;     // span fields of the open ScopeSpans
  std::string resource_spans_;  // scope spans fields of the open ResourceSpans
  std::string request_;
  std::size_t spans_ = 0;  // in the open piece
  std::vector<Batch> pieces_;
};

}  // namespace

std::vector<Batch> split(Batch batch, std::size_t max_spans) {
  std::vector<Batch> pieces;
  if (batch.item_count() <= max_spans) {
    pieces.push_back(std::move(batch));
    return pieces;
  }
  Splitter splitter(max_spans);
  for (const std::string_view slice : batch.slices()) {
    splitter.add_request(pbf_reader(slice.data(), slice.size()));
  }
  return splitter.finish();
}

}  // namespace kernspan::otlp
