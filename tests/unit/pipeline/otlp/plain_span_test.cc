// Plain spans are read in one loop; whatever else comes goes the long way. Nobody may see which.
#include "pipeline/otlp/plain_span.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/otlp/message_check.h"
#include "pipeline/otlp/request_check.h"
#include "tests/unit/pipeline/otlp/random_request.h"

namespace kernspan::otlp {
namespace {

constexpr int kSpanDepth = 3;  // messages around a request's span

std::string field(std::uint32_t number, std::string_view content) {
  std::string bytes;
  append_bytes_field(bytes, number, content);
  return bytes;
}

template <std::size_t kSize>
std::string raw(const char (&literal)[kSize]) {
  return {literal, kSize - 1};
}

std::string request_of(std::string_view span) {
  return field(1, field(2, field(2, span)));
}

// The long way: why the message is refused; empty when it is not.
std::string reason(MessageName name, std::string_view bytes, int depth) {
  MessageCheck check;
  const bool is_good = check.message(name, bytes.data(), bytes.data() + bytes.size(), depth);
  return is_good ? "" : check.reason();
}

std::string long_reason(std::string_view span) {
  const std::string found = reason(MessageName::kSpan, span, kSpanDepth);
  if (!found.empty()) return found;
  WireReader reader(span);
  for (WireField each; reader.next(each);) {
    if (!each.is_bytes(wire::span::kAttributes)) continue;
    const std::string attribute = reason(MessageName::kKeyValue, each.bytes, kSpanDepth + 1);
    if (!attribute.empty()) return attribute;
  }
  return "";
}

void expect_fields(const IndexedSpan& entry, const SpanView& view) {
  EXPECT_EQ(entry.trace_id, view.trace_id);
  EXPECT_EQ(entry.span_id, view.span_id);
  EXPECT_EQ(entry.parent_span_id, view.parent_span_id);
  EXPECT_EQ(entry.start_time_unix_ns, view.start_time_unix_ns);
  EXPECT_EQ(entry.end_time_unix_ns, view.end_time_unix_ns);
  EXPECT_EQ(entry.flags, view.flags);
  EXPECT_EQ(entry.kind, view.kind);
  EXPECT_EQ(entry.status_code, view.status_code);
}

struct Counts {
  std::size_t plain = 0;
  std::size_t accepted = 0;
  std::size_t refused = 0;
};

void expect_index(const Batch& batch, std::string_view span) {
  const SpanIndex index(batch);
  ASSERT_EQ(index.size(), 1U);
  EXPECT_EQ(index.bytes(0), span);
  expect_fields(index.spans()[0], SpanView(span));
}

// Both ways, of a span that is well-formed or not.
void expect_same(const std::string& span, Counts& counts) {
  const std::string expected = long_reason(span);
  const auto checked = Batch::from_wire(request_of(span));
  ASSERT_EQ(checked.has_value(), expected.empty()) << expected;
  ++(checked ? counts.accepted : counts.refused);
  if (checked) {
    ASSERT_NO_FATAL_FAILURE(expect_index(*checked, span));
  } else {
    EXPECT_EQ(checked.error().message, "malformed ExportTraceServiceRequest: " + expected);
  }
  IndexedSpan entry;
  const auto pass_by = [](unsigned, const char*, const char*) { return true; };
  if (!read_plain_span(span.data(), span.data() + span.size(), entry, pass_by)) return;
  ++counts.plain;
  expect_fields(entry, SpanView(span));
}

std::vector<std::string> random_spans(std::uint64_t seed) {
  std::vector<std::string> spans;
  const ReferenceRequest request = RandomRequest(seed).make(2);
  for (const auto& resource : request.resource_spans()) {
    for (const auto& scope : resource.scope_spans()) {
      for (const auto& span : scope.spans()) spans.push_back(span.SerializeAsString());
    }
  }
  return spans;
}

// As encoders write it, every field that is plain.
std::string plain_span() {
  const std::string attribute =
      field(1, "http.route") + field(2, field(wire::any_value::kString, "/cart"));
  const std::string number = field(1, "code") + field(2, raw("\x18\xC8\x01"));
  return field(1, std::string(16, '\x01')) + field(2, std::string(8, '\x02')) + field(3, "k=v") +
         field(4, std::string(8, '\x04')) + field(5, "GET /cart") + raw("\x30\x02") +
         raw("\x39\x01\x02\x03\x04\x05\x06\x07\x08") + raw("\x41\x02\x02\x03\x04\x05\x06\x07\x08") +
         field(9, attribute) + field(9, number) + field(11, field(2, "event")) +
         field(13, field(1, std::string(16, '\x01')) + field(2, std::string(8, '\x03'))) +
         field(15, field(2, "broken") + raw("\x18\x02")) + raw("\x85\x01\x01\x01\x00\x00");
}

// What few encoders write, and what none may.
std::vector<std::string> odd_fields() {
  std::vector<std::string> odd = {
      "", field(1, ""), field(2, ""), field(4, ""),  // ids of nothing
      field(1, std::string(15, 'x')), field(1, std::string(17, 'x')), field(1, "12345678"),
      field(2, std::string(7, 'x')), field(2, std::string(16, 'x')), field(4, std::string(9, 'x')),
      field(1, std::string(16, 'y')), field(2, std::string(8, 'y')), field(4, std::string(8, 'y')),
      field(5, "another"), field(3, "x=y"), field(5, "\xFF\xFE"), field(3, "\xC3("),
      // Another wire type.
      raw("\x08\x01"), raw("\x10\x01"), raw("\x20\x01"), raw("\x28\x01"), raw("\x48\x01"),
      raw("\x58\x01"), raw("\x78\x01"), raw("\x31\x01\x02\x03\x04\x05\x06\x07\x08"),
      raw("\x32\x01\x01"), raw("\x38\x01"), raw("\x3D\x01\x02\x03\x04"), raw("\x3A\x00"),
      raw("\x40\x01"), raw("\x80\x01\x01"), raw("\x81\x01\x01\x02\x03\x04\x05\x06\x07\x08"),
      raw("\x82\x01\x04\x01\x02\x03\x04"),
      // Kinds: known, unknown, in more bytes than needed, negative, too long, cut.
      raw("\x30\x05"), raw("\x30\x06"), raw("\x30\x7F"), raw("\x30\x82\x00"), raw("\x30\x83\x01"),
      raw("\x30\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"),
      raw("\x30\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"), raw("\x30"), raw("\x30\x80"),
      // Tags and lengths in more bytes than needed, and in too many.
      raw("\xAA\x00\x01n"), raw("\xAA\x80\x80\x80\x00\x01n"), raw("\xAA\x80\x80\x80\x80\x00\x01n"),
      raw("\x85\x81\x00\x05\x06\x07\x08"), raw("\x85\x00\x05\x06\x07\x08"), raw("\x2A\x81\x00n"),
      raw("\x2A\x81\x80\x80\x80\x00n"), raw("\x2A\x81\x80\x80\x80\x80\x00n"),
      raw("\x0A\x90\x00") + std::string(16, 'i'), raw("\x4A\x80\x00"), raw("\x7A\x80\x00"),
      // Cut.
      raw("\x0A"), raw("\x0A\x10short"), raw("\x2A"), raw("\x2A\x05text"), raw("\x2A\x80"),
      raw("\x2A\xFF\xFF\xFF\xFF\x0F"), raw("\x39\x01"), raw("\x41"), raw("\x85"), raw("\x85\x01"),
      raw("\x85\x01\x01\x02\x03"), raw("\x4A"), raw("\x4A\x7F"), raw("\x7A\x02\x18"),
      // Status.
      field(15, ""), field(15, raw("\x18\x01")), field(15, raw("\x18\x03")),
      field(15, raw("\x18\x01\x18\x02")), field(15, raw("\x18\x82\x00")),
      field(15, raw("\x18\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01")), field(15, raw("\x18")),
      field(15, raw("\x18\x80")), field(15, raw("\x1A\x00")), field(15, raw("\x10\x01")),
      field(15, raw("\x12\x05text")), field(15, raw("\x08\x01")), field(15, field(7, "unknown")),
      field(15, raw("\x00")), field(15, raw("\x1B")),
      // Events, links and attributes that are none, or not well-formed.
      field(11, ""), field(13, ""), field(11, "zz"), field(13, "zz"), field(13, field(2, "short")),
      field(11, field(3, "zz")), field(11, field(3, field(1, "k") + field(2, raw("\x18\x01")))),
      field(11, raw("\x09\x01")), field(9, ""), field(9, "zz"), field(9, field(1, "alone")),
      field(9, field(2, raw("\x10\x01"))), field(9, field(2, raw("\x10\x01")) + field(1, "late")),
      field(9, field(1, "k") + field(2, raw("\x0A\x01v\x18\x01"))),
      field(9, field(1, std::string(200, 'k')) + field(2, field(1, std::string(200, 'v')))),
      // Counts, what is not known, groups, and what is no field at all.
      raw("\x50\x01"), raw("\x60\x01"), raw("\x70\x01"), raw("\x52\x01x"), field(17, "unknown"),
      raw("\xA0\x06\x01"), raw("\x0B\x0C"), raw("\x4B"), raw("\x2C"), raw("\x0E"), raw("\x4F"),
      raw("\x02\x00"), raw("\x00"), std::string(1, '\xFF'), raw("\xC2\xA3\x09\x00")};
  for (const int lists : {1, 29, 30, 31, 32, 33, 34, 60}) {
    std::string value = field(1, "deep");
    for (int i = 0; i < lists; ++i) value = field(6, field(1, field(1, "k") + field(2, value)));
    odd.push_back(field(9, field(1, "k") + field(2, value)));
    odd.push_back(field(11, field(3, field(1, "k") + field(2, value))));
  }
  return odd;
}

std::vector<std::size_t> field_boundaries(std::string_view message) {
  std::vector<std::size_t> places = {0};
  WireReader reader(message);
  for (WireField each; reader.next(each);) places.push_back(places.back() + each.whole.size());
  return places;
}

TEST(PlainSpan, EncodersWriteThem) {
  Counts counts;
  expect_same(plain_span(), counts);
  EXPECT_EQ(counts.plain, 1U);
  EXPECT_EQ(counts.accepted, 1U);
  const SpanIndex index(*Batch::from_wire(request_of(plain_span())));
  const IndexedSpan& span = index.spans()[0];
  EXPECT_EQ(span.trace_id.view(), std::string(16, '\x01'));
  EXPECT_EQ(span.parent_span_id.view(), std::string(8, '\x04'));
  EXPECT_EQ(span.kind, SpanKind::kServer);
  EXPECT_EQ(span.end_time_unix_ns, 0x0807060504030202U);
  EXPECT_EQ(span.status_code, StatusCode::kError);
  EXPECT_EQ(span.flags, 0x101U);
}

TEST(PlainSpan, WhatIsOddIsJudgedAndReadTheLongWay) {
  const std::string plain = plain_span();
  const std::vector<std::string> odd = odd_fields();
  Counts counts;
  for (std::size_t i = 0; i < odd.size(); ++i) {
    SCOPED_TRACE(i);
    expect_same(odd[i], counts);
    for (const std::size_t place : field_boundaries(plain)) {
      SCOPED_TRACE(place);
      expect_same(plain.substr(0, place) + odd[i] + plain.substr(place), counts);
    }
  }
  EXPECT_GT(counts.plain, 300U);
  EXPECT_GT(counts.accepted, 300U);
  EXPECT_GT(counts.refused, 300U);
}

TEST(PlainSpan, EveryPrefixIsJudgedTheLongWay) {
  Counts counts;
  for (std::string plain = plain_span(); !plain.empty(); plain.pop_back()) {
    SCOPED_TRACE(plain.size());
    expect_same(plain, counts);
  }
  EXPECT_EQ(counts.accepted, field_boundaries(plain_span()).size() - 1);
}

TEST(PlainSpan, NumbersOfAttributesHaveTenBytesAtMost) {
  Counts counts;
  for (std::size_t bytes = 1; bytes < 13; ++bytes) {
    for (const char last : {'\x00', '\x01', '\x7F', '\x80'}) {
      for (const std::string& behind : {raw(""), raw("\x18\x01"), raw("\x00"), raw("\x12")}) {
        const std::string number = "\x18" + std::string(bytes - 1, '\xFF') + last + behind;
        SCOPED_TRACE(number.size());
        expect_same(field(9, field(1, "n") + field(2, number)), counts);
      }
    }
  }
  EXPECT_GT(counts.accepted, 50U);
  EXPECT_GT(counts.refused, 50U);
}

TEST(PlainSpan, MutationsAreJudgedAndReadTheLongWay) {
  const std::vector<std::string> odd = odd_fields();
  Counts counts;
  for (std::uint64_t seed = 0; seed < 3'000; ++seed) {
    SCOPED_TRACE(seed);
    RandomRequest random(seed + 1'000'000);
    for (std::string span : random_spans(seed)) {
      expect_same(span, counts);
      for (std::size_t i = random.below(3) + 1; i != 0 && !span.empty(); --i) {
        const std::vector<std::size_t> places = field_boundaries(span);
        const std::size_t place = places[random.below(places.size())];
        switch (random.below(5)) {
          case 0:
            span[random.below(span.size())] = static_cast<char>(random.below(256));
            break;
          case 1:
            span.erase(random.below(span.size()), 1 + random.below(4));
            break;
          case 2:
            span.insert(random.below(span.size()), 1, static_cast<char>(random.below(256)));
            break;
          case 3:
            span.insert(place, odd[random.below(odd.size())]);
            break;
          default:  // fields twice
            span += span.substr(place, random.below(span.size() + 1));
        }
      }
      expect_same(span, counts);
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(counts.plain, 2'000U);
  EXPECT_GT(counts.accepted, counts.plain + 1'000);
  EXPECT_GT(counts.refused, 1'000U);
}

// Whatever the fuzzer was given to begin with: at every place where a span could be.
TEST(PlainSpan, SpansOfTheFuzzersCorpusAreJudgedAndReadTheLongWay) {
  Counts counts;
  for (const char* corpus : {"otlp_index", "policies", "tail_sampling", "stitch"}) {
    const auto folder = std::filesystem::path(KERNSPAN_SOURCE_DIR) / "tests/fuzz" / corpus;
    for (const auto& file : std::filesystem::directory_iterator(folder / "corpus")) {
      SCOPED_TRACE(file.path().string());
      std::ifstream input(file.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(input), {}};
      expect_same(bytes, counts);
      for (std::size_t at = 0; at + 2 < bytes.size(); ++at) {
        const auto size = static_cast<std::uint8_t>(bytes[at + 1]);
        std::size_t begin = at + 2;
        std::size_t length = size;
        if (size >= 0x80) {
          length = (size & 0x7FU) | static_cast<std::size_t>(bytes[begin++] & 0x7F) << 7;
        }
        if (bytes[at] == 0x12) expect_same(bytes.substr(begin, length), counts);
      }
    }
  }
  EXPECT_GT(counts.plain, 10U);
  EXPECT_GT(counts.refused, 10U);
}

TEST(PlainSpan, OneThatCameInPiecesIsReadAsTheWhole) {
  const std::string odd = plain_span() + field(17, "unknown") + raw("\x30\x83\x00");
  for (const std::string& span : {plain_span(), odd}) {
    const std::string request = request_of(span);
    for (std::size_t cut = 1; cut < request.size(); ++cut) {
      SCOPED_TRACE(cut);
      const auto batch = Batch::from_wire(cut_into_pieces(request, {cut / 2, cut}));
      ASSERT_TRUE(batch) << batch.error().message;
      ASSERT_NO_FATAL_FAILURE(expect_index(*batch, span));
    }
  }
}

}  // namespace
}  // namespace kernspan::otlp
