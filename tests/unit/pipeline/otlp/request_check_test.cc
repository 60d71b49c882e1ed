#include "pipeline/otlp/request_check.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "pipeline/otlp/wire_reader.h"
#include "tests/unit/pipeline/otlp/random_request.h"

namespace kernspan::otlp {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

std::string reason(const std::string& bytes, Signal signal = Signal::kTraces) {
  const auto checked = check_request(bytes, signal);
  return checked ? "" : checked.error().message;
}

// A length-delimited field, whatever its content.
std::string field(std::uint32_t number, const std::string& content) {
  std::string bytes;
  append_bytes_field(bytes, number, content);
  return bytes;
}

std::string request_of_span(const std::string& span) {
  return field(1, field(2, field(2, span)));
}

// Protobuf's verdict on the messages of OTLP as proto2 has them, which does not look into strings:
// like upstream's decoder, and unlike the generated classes.
class Reference {
 public:
  Reference() {
    add(ReferenceRequest::descriptor()->file());
    const auto* type = pool_.FindMessageTypeByName(ReferenceRequest::descriptor()->full_name());
    message_.reset(factory_.GetPrototype(type)->New());
  }
  bool accepts(const std::string& bytes) { return message_->ParseFromString(bytes); }

 private:
  void add(const google::protobuf::FileDescriptor* file) {
    for (int i = 0; i < file->dependency_count(); ++i) add(file->dependency(i));
    if (pool_.FindFileByName(file->name()) != nullptr) return;
    google::protobuf::FileDescriptorProto copy;
    file->CopyTo(&copy);
    copy.set_syntax("proto2");
    ASSERT_NE(pool_.BuildFile(copy), nullptr);
  }

  google::protobuf::LogSilencer no_words_on_strings_;
  google::protobuf::DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory factory_{&pool_};
  std::unique_ptr<google::protobuf::Message> message_;
};

// What is stricter here than protobuf, which takes a known field of another wire type for an unknown
// one, skips groups, and knows nothing of ids.
void expect_stricter_for_a_reason(const std::string& message) {
  EXPECT_THAT(message, AnyOf(HasSubstr("is not a message"), HasSubstr("is not bytes"),
                             HasSubstr("is not a number"), HasSubstr("bytes instead of"),
                             HasSubstr("a group"), HasSubstr("a field number that cannot be")));
}

TEST(RequestCheck, AgreesWithProtobufOnEveryPrefix) {
  Reference reference;
  std::size_t accepted = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const std::string bytes = RandomRequest(seed).make().SerializeAsString();
    for (std::size_t size = 0; size <= bytes.size(); ++size) {
      const std::string prefix = bytes.substr(0, size);
      const bool expected = reference.accepts(prefix);
      ASSERT_EQ(check_request(prefix, Signal::kTraces).has_value(), expected)
          << "seed " << seed << ", prefix of " << size << ": " << reason(prefix);
      accepted += expected ? 1 : 0;
    }
  }
  EXPECT_GT(accepted, 20U);
}

TEST(RequestCheck, AgreesWithProtobufOnMutations) {
  Reference reference;
  std::size_t accepted = 0;
  std::size_t refused = 0;
  for (std::uint64_t seed = 0; seed < 20'000; ++seed) {
    RandomRequest random(seed);
    std::string bytes = random.make(2).SerializeAsString();
    if (bytes.empty()) continue;
    for (std::size_t i = random.below(3) + 1; i != 0; --i) {
      bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    }
    if (random.below(10) == 0) bytes.erase(random.below(bytes.size()), 1);
    const bool expected = reference.accepts(bytes);
    const auto checked = check_request(bytes, Signal::kTraces);
    ++(checked ? accepted : refused);
    if (checked) {
      ASSERT_TRUE(expected) << "seed " << seed;
    } else if (expected) {
      expect_stricter_for_a_reason(checked.error().message);
    }
  }
  EXPECT_GT(accepted, 1000U);
  EXPECT_GT(refused, 1000U);
}

TEST(RequestCheck, NamesTheFieldAndWhatIsWrong) {
  EXPECT_THAT(reason(request_of_span(field(1, "short"))),
              HasSubstr("span.trace_id has 5 bytes instead of 16"));
  EXPECT_THAT(reason(request_of_span(field(4, "123"))),
              HasSubstr("span.parent_span_id has 3 bytes instead of 8"));
  EXPECT_THAT(reason(request_of_span(field(13, field(2, "123")))),
              HasSubstr("link.span_id has 3 bytes instead of 8"));
  EXPECT_THAT(reason(request_of_span(field(7, "12345678"))),
              HasSubstr("span.start_time_unix_nano is not a number"));
  EXPECT_THAT(reason(request_of_span(std::string("\x28\x01", 2))),
              HasSubstr("span.name is not bytes"));
  EXPECT_THAT(reason(std::string("\x08\x01", 2)), HasSubstr("resource_spans is not a message"));
  EXPECT_THAT(reason(request_of_span(std::string("\x02\x00", 2))), HasSubstr("field number"));
  EXPECT_THAT(reason(request_of_span(std::string("\x0B\x0C", 2))), HasSubstr("a group"));
  EXPECT_THAT(reason(request_of_span(std::string("\x0F", 1))), HasSubstr("wire type"));
  EXPECT_THAT(reason("x"), HasSubstr("malformed ExportTraceServiceRequest"));
}

TEST(RequestCheck, LooksIntoAttributes) {
  EXPECT_EQ(reason(request_of_span(field(9, field(1, "key") + field(2, field(1, "value"))))), "");
  EXPECT_THAT(reason(request_of_span(field(9, "zz"))), HasSubstr("malformed"));
  EXPECT_THAT(reason(request_of_span(field(9, field(1, "key") + field(2, field(1, "v") + "\x0A")))),
              HasSubstr("truncated"));
  EXPECT_THAT(reason(request_of_span(field(9, field(2, std::string("\x08\x01", 2))))),
              HasSubstr("value.string_value is not bytes"));
  EXPECT_THAT(reason(request_of_span(field(11, field(3, "zz")))), HasSubstr("malformed"));
  EXPECT_THAT(reason(field(1, field(1, field(1, "zz")))), HasSubstr("malformed"));
}

TEST(RequestCheck, LengthsOfTwoGigabytesAreTruncation) {
  for (const char* length :
       {"\xFF\xFF\xFF\xFF\x07", "\xFF\xFF\xFF\xFF\x0F", "\x80\x80\x80\x80\x08"}) {
    EXPECT_THAT(reason(std::string("\x0A") + length + "xyz"), HasSubstr("truncated"));
    EXPECT_THAT(reason(request_of_span(std::string("\x4A") + length)), HasSubstr("truncated"));
  }
  EXPECT_THAT(reason(std::string("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\x01", 8)), HasSubstr("too many"));
}

TEST(RequestCheck, NestingIsBoundedWhereProtobufBoundsIt) {
  Reference reference;
  const auto nested = [](int lists) {
    std::string value = field(1, "deep");
    for (int i = 0; i < lists; ++i) value = field(6, field(1, field(1, "k") + field(2, value)));
    return request_of_span(field(9, field(1, "k") + field(2, value)));
  };
  std::size_t accepted = 0;
  for (int lists = 20; lists < 40; ++lists) {
    const bool expected = reference.accepts(nested(lists));
    EXPECT_EQ(check_request(nested(lists), Signal::kTraces).has_value(), expected) << lists;
    accepted += expected ? 1 : 0;
  }
  EXPECT_GT(accepted, 0U);
  EXPECT_LT(accepted, 20U);
  EXPECT_THAT(reason(nested(3'000)), HasSubstr("nested too deep"));
}

TEST(RequestCheck, ManySpansOfNoBytesAreRefused) {
  std::string spans;
  for (int i = 0; i < 70'000; ++i) spans += std::string("\x12\x00", 2);
  EXPECT_THAT(reason(field(1, field(2, spans))), HasSubstr("cannot be real"));
  EXPECT_EQ(reason(field(1, field(2, spans.substr(0, 2'000)))), "");
}

TEST(RequestCheck, MetricsAreCountedByDataPoints) {
  const std::string point = field(7, field(1, "key") + field(2, field(1, "value")));
  const std::string gauge = field(1, "name") + field(5, field(1, point) + field(1, point));
  const std::string histogram = field(9, field(1, field(6, std::string(24, '\x01'))));
  const std::string request = field(1, field(2, field(2, gauge) + field(2, histogram)));
  const auto points = check_request(request, Signal::kMetrics);
  ASSERT_TRUE(points) << points.error().message;
  EXPECT_EQ(*points, 3U);
  const std::string bad = field(1, field(2, field(2, field(9, field(1, field(6, "1234567"))))));
  EXPECT_THAT(reason(bad, Signal::kMetrics),
              HasSubstr("malformed ExportMetricsServiceRequest: data_point.bucket_counts"));
  EXPECT_THAT(
      reason(field(1, field(2, field(2, field(5, field(1, field(7, "zz")))))), Signal::kMetrics),
      HasSubstr("malformed"));
}

TEST(PieceCheck, EveryCutGivesTheSameBytesAndCounts) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const std::string bytes = RandomRequest(seed).make(2).SerializeAsString();
    const auto expected = check_request(bytes, Signal::kTraces);
    ASSERT_TRUE(expected);
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      const auto checked = check_pieces(cut_into_pieces(bytes, {cut / 2, cut}), Signal::kTraces);
      ASSERT_TRUE(checked) << "seed " << seed << ", cut at " << cut << ": "
                           << checked.error().message;
      const Batch batch = Batch::from_slices(checked->slices, checked->items);
      ASSERT_EQ(batch.joined().view(), bytes) << "seed " << seed << ", cut at " << cut;
      ASSERT_EQ(checked->items, *expected);
    }
  }
}

TEST(PieceCheck, JudgesMutationsAsTheWhole) {
  std::size_t refused = 0;
  for (std::uint64_t seed = 0; seed < 5'000; ++seed) {
    RandomRequest random(seed);
    std::string bytes = random.make(2).SerializeAsString();
    if (bytes.empty()) continue;
    bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    if (random.below(4) == 0) bytes.resize(random.below(bytes.size()));
    std::vector<std::size_t> cuts = {random.below(bytes.size() + 1)};
    if (random.below(2) == 0) {
      cuts.clear();
      for (std::size_t i = 1; i < bytes.size(); ++i) cuts.push_back(i);  // byte by byte
    }
    const auto whole = check_request(bytes, Signal::kTraces);
    const auto pieces = check_pieces(cut_into_pieces(bytes, cuts), Signal::kTraces);
    ASSERT_EQ(whole.has_value(), pieces.has_value())
        << "seed " << seed << ": " << (whole ? pieces.error().message : whole.error().message);
    if (whole) {
      ASSERT_EQ(*whole, pieces->items);
    } else {
      ++refused;
    }
  }
  EXPECT_GT(refused, 500U);
}

}  // namespace
}  // namespace kernspan::otlp
