// The cases of the W3C trace-context test suite that a reader can get wrong, and B3.
#include "agent/protocol/trace_context/trace_context.h"

#include <gtest/gtest.h>

#include <string>

namespace kernspan {
namespace {

constexpr std::string_view kTraceId = "12345678901234567890123456789012";
constexpr std::string_view kSpanId = "1234567890123456";
constexpr std::string_view kValid = "00-12345678901234567890123456789012-1234567890123456-01";

bool accepts(std::string_view traceparent) {
  return parse_traceparent(traceparent, {}).has_value();
}

std::string with(std::size_t at, char c) {
  std::string text(kValid);
  text[at] = c;
  return text;
}

TEST(Traceparent, Valid) {
  const auto context = parse_traceparent(kValid, "a=1");
  ASSERT_TRUE(context);
  EXPECT_EQ(context->trace_id.hex(), kTraceId);
  EXPECT_EQ(context->parent_span_id.hex(), kSpanId);
  EXPECT_EQ(context->flags, 1);
  EXPECT_EQ(context->trace_state, "a=1");
}

TEST(Traceparent, Version00HasExactly55Characters) {
  EXPECT_FALSE(accepts(std::string(kValid) + "-what-the-future-will-be-like"));
  EXPECT_FALSE(accepts(std::string(kValid) + "."));
  EXPECT_FALSE(accepts(std::string(kValid) + "-"));
  EXPECT_FALSE(accepts(kValid.substr(0, 54)));
  EXPECT_FALSE(accepts(""));
}

TEST(Traceparent, LaterVersionsMayBeLonger) {
  const std::string later = "cc" + std::string(kValid.substr(2));
  EXPECT_TRUE(accepts(later));
  EXPECT_TRUE(accepts(later + "-what-the-future-will-be-like"));
  EXPECT_TRUE(accepts(later + "-"));
  EXPECT_FALSE(accepts(later + ".what-the-future-will-not-be-like"));
  EXPECT_FALSE(accepts(later.substr(0, 54)));
  // Of unknown flags only the one that all versions have.
  EXPECT_EQ(parse_traceparent(later.substr(0, 53) + "ff", {})->flags, kTraceFlagSampled);
}

TEST(Traceparent, VersionFfAndBadVersions) {
  EXPECT_FALSE(accepts("ff" + std::string(kValid.substr(2))));
  EXPECT_FALSE(accepts(with(0, '.')));
  EXPECT_FALSE(accepts(with(1, '.')));
  EXPECT_FALSE(accepts("CC" + std::string(kValid.substr(2))));
  EXPECT_FALSE(accepts("0" + std::string(kValid)));
}

TEST(Traceparent, IdsAreLowerHexAndNotZero) {
  EXPECT_FALSE(accepts("00-00000000000000000000000000000000-1234567890123456-01"));
  EXPECT_FALSE(accepts("00-12345678901234567890123456789012-0000000000000000-01"));
  for (const char c : std::string_view(".gAF -\0", 7)) {
    EXPECT_FALSE(accepts(with(3, c))) << c;
    EXPECT_FALSE(accepts(with(34, c))) << c;
    EXPECT_FALSE(accepts(with(36, c))) << c;
    EXPECT_FALSE(accepts(with(51, c))) << c;
    EXPECT_FALSE(accepts(with(53, c))) << c;
    EXPECT_FALSE(accepts(with(54, c))) << c;
  }
  EXPECT_TRUE(accepts(with(3, 'f')));
}

TEST(Traceparent, PartsOfTheWrongLength) {
  EXPECT_FALSE(accepts("00-123456789012345678901234567890123-1234567890123456-01"));
  EXPECT_FALSE(accepts("00-1234567890123456789012345678901-1234567890123456-01"));
  EXPECT_FALSE(accepts("00-12345678901234567890123456789012-12345678901234567-01"));
  EXPECT_FALSE(accepts("00-12345678901234567890123456789012-123456789012345-01"));
  EXPECT_FALSE(accepts("00-12345678901234567890123456789012-1234567890123456-1"));
  EXPECT_FALSE(accepts("00-12345678901234567890123456789012-1234567890123456-001"));
}

TEST(Traceparent, FlagsAreKept) {
  EXPECT_EQ(parse_traceparent(with(54, '0'), {})->flags, 0);
  EXPECT_EQ(parse_traceparent(std::string(kValid.substr(0, 53)) + "ff", {})->flags, 0xff);
}

TEST(Traceparent, SeveralValuesAreNone) {
  EXPECT_FALSE(accepts(std::string(kValid) + "," + std::string(kValid)));
  const std::string later = "cc" + std::string(kValid.substr(2));
  EXPECT_FALSE(accepts(later + "," + later));
}

TEST(Tracestate, ABadOneIsDroppedAlone) {
  const auto context = parse_traceparent(kValid, "a=1,=");
  ASSERT_TRUE(context);
  EXPECT_EQ(context->trace_state, "");
}

TEST(Tracestate, MembersAndSpaces) {
  EXPECT_EQ(parse_tracestate(""), "");
  EXPECT_EQ(parse_tracestate("foo=1,bar=2"), "foo=1,bar=2");
  EXPECT_EQ(parse_tracestate("foo=1 \t , \t bar=2, \t baz=3"), "foo=1,bar=2,baz=3");
  EXPECT_EQ(parse_tracestate("foo=1,,bar=2,"), "foo=1,bar=2");
  EXPECT_EQ(parse_tracestate(","), "");
  EXPECT_EQ(parse_tracestate("foo=a b"), "foo=a b");
  EXPECT_EQ(parse_tracestate("foo=1,foo=2"), "foo=1,foo=2");
}

TEST(Tracestate, Keys) {
  EXPECT_NE(parse_tracestate("a-_*/0=1"), "");
  EXPECT_NE(parse_tracestate("foo@bar=1"), "");
  EXPECT_NE(parse_tracestate("0foo@bar=1"), "");
  EXPECT_NE(parse_tracestate(std::string(256, 'z') + "=1"), "");
  EXPECT_NE(parse_tracestate(std::string(241, 't') + "@" + std::string(14, 'v') + "=1"), "");
  for (const std::string_view bad :
       {"foo =1", "FOO=1", "foo.bar=1", "0foo=1", "foo@=1", "@foo=1", "foo@@bar=1", "foo@bar@baz=1",
        "foo@0bar=1", "_foo=1", "_foo@bar=1", "=1", "foo", "foo@bar"}) {
    EXPECT_EQ(parse_tracestate(bad), "") << bad;
  }
  EXPECT_EQ(parse_tracestate(std::string(257, 'z') + "=1"), "");
  EXPECT_EQ(parse_tracestate(std::string(242, 't') + "@v=1"), "");
  EXPECT_EQ(parse_tracestate("t@" + std::string(15, 'v') + "=1"), "");
}

TEST(Tracestate, Values) {
  EXPECT_NE(parse_tracestate("a= !\"#$%&'()*+-./0:;<>?@A[\\]^_`a{|}~"), "");
  EXPECT_NE(parse_tracestate("a=" + std::string(256, 'v')), "");
  EXPECT_EQ(parse_tracestate("a=" + std::string(257, 'v')), "");
  EXPECT_EQ(parse_tracestate("foo=bar=baz"), "");
  EXPECT_EQ(parse_tracestate("foo=,bar=3"), "");
  EXPECT_EQ(parse_tracestate("foo=a\tb"), "");
  EXPECT_EQ(parse_tracestate("foo=\xc3\xa9"), "");
}

TEST(Tracestate, AtMost32Members) {
  std::string list;
  for (int i = 0; i < 32; ++i) list += "bar" + std::to_string(i + 10) + "=" + "1,";
  list.pop_back();
  EXPECT_EQ(parse_tracestate(list), list);
  EXPECT_EQ(parse_tracestate(list + ",x=1"), "");
  EXPECT_EQ(parse_tracestate(list + ","), list);
}

TEST(Tracestate, Beyond512CharactersLongMembersGoFirst) {
  const std::string head = "a=" + std::string(198, 'x');
  const std::string middle = "b=" + std::string(98, 'x');
  const std::string tail = "c=" + std::string(254, 'x');
  EXPECT_EQ(parse_tracestate(head + "," + middle + "," + tail), head + "," + middle);
  // Exactly 512 stay.
  const std::string rest = "d=" + std::string(208, 'x');
  EXPECT_EQ(parse_tracestate(head + "," + rest + "," + middle).size(), 512U);
  EXPECT_EQ(parse_tracestate(head + "," + rest + "x," + middle).size(), 301U);
  // Without long members the last ones go.
  std::string list;
  for (int i = 0; i < 6; ++i)
    list += std::string(1, static_cast<char>('a' + i)) + "=" + std::string(98, 'x') + ",";
  EXPECT_EQ(parse_tracestate(list).size(), 5 * 101 - 1U);
}

TEST(B3Single, Forms) {
  const auto full =
      parse_b3_single("80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90");
  ASSERT_TRUE(full);
  EXPECT_EQ(full->trace_id.hex(), "80f198ee56343ba864fe8b2a57d3eff7");
  EXPECT_EQ(full->parent_span_id.hex(), "e457b5a2e4d86bd1");
  EXPECT_EQ(full->flags, kTraceFlagSampled);
  EXPECT_EQ(parse_b3_single("80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1")->flags, 0);
  EXPECT_EQ(parse_b3_single("80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-0")->flags, 0);
  EXPECT_EQ(parse_b3_single("80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-d")->flags, 1);
  EXPECT_EQ(parse_b3_single("64fe8b2a57d3eff7-e457b5a2e4d86bd1-1")->trace_id.hex(),
            "000000000000000064fe8b2a57d3eff7");
}

TEST(B3Single, NoContext) {
  for (const std::string_view bad : {"",
                                     "0",
                                     "1",
                                     "d",
                                     "-",
                                     "64fe8b2a57d3eff7",
                                     "64fe8b2a57d3eff7-",
                                     "-e457b5a2e4d86bd1",
                                     "64fe8b2a57d3eff7-e457b5a2e4d86bd1-",
                                     "64fe8b2a57d3eff7-e457b5a2e4d86bd1-2",
                                     "64fe8b2a57d3eff7-e457b5a2e4d86bd1-1-",
                                     "64fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3",
                                     "64fe8b2a57d3eff7-e457b5a2e4d86bd1--05e3ac9a4f6e3b90",
                                     "64fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90-0",
                                     "64fe8b2a57d3eff-e457b5a2e4d86bd1-1",
                                     "64fe8b2a57d3eff7-e457b5a2e4d86bd-1",
                                     "0000000000000000-e457b5a2e4d86bd1-1",
                                     "64fe8b2a57d3eff7-0000000000000000-1",
                                     "64fe8b2a57d3efg7-e457b5a2e4d86bd1-1",
                                     "64fe8b2a57d3eff7-e457b5a2e4d86bd1-1,0"}) {
    EXPECT_FALSE(parse_b3_single(bad)) << bad;
  }
}

PropagationFields b3_fields() {
  PropagationFields fields;
  fields.b3_trace_id = "80f198ee56343ba864fe8b2a57d3eff7";
  fields.b3_span_id = "e457b5a2e4d86bd1";
  return fields;
}

TEST(B3Multi, SamplingIsOptional) {
  PropagationFields fields = b3_fields();
  EXPECT_EQ(parse_b3_multi(fields)->flags, 0);
  fields.b3_sampled = "1";
  EXPECT_EQ(parse_b3_multi(fields)->flags, 1);
  fields.b3_sampled = "true";
  EXPECT_EQ(parse_b3_multi(fields)->flags, 1);
  fields.b3_sampled = "0";
  EXPECT_EQ(parse_b3_multi(fields)->flags, 0);
  fields.b3_flags = "1";
  EXPECT_EQ(parse_b3_multi(fields)->flags, 1);
}

TEST(B3Multi, NoContext) {
  PropagationFields fields = b3_fields();
  fields.b3_span_id = {};
  EXPECT_FALSE(parse_b3_multi(fields));
  fields = b3_fields();
  fields.b3_sampled = "maybe";
  EXPECT_FALSE(parse_b3_multi(fields));
  fields = b3_fields();
  fields.b3_parent_span_id = "05e3";
  EXPECT_FALSE(parse_b3_multi(fields));
  fields.b3_parent_span_id = "05e3ac9a4f6e3b90";
  EXPECT_TRUE(parse_b3_multi(fields));
}

TEST(Extract, TheFirstValidFormWins) {
  PropagationFields fields = b3_fields();
  EXPECT_EQ(extract(fields)->trace_id.hex(), fields.b3_trace_id);
  fields.b3 = "64fe8b2a57d3eff7-e457b5a2e4d86bd1";
  EXPECT_EQ(extract(fields)->trace_id.hex(), "000000000000000064fe8b2a57d3eff7");
  fields.traceparent = kValid;
  fields.tracestate = "a=1";
  EXPECT_EQ(extract(fields)->trace_id.hex(), kTraceId);
  EXPECT_EQ(extract(fields)->trace_state, "a=1");
  fields.traceparent = "00-garbage";
  EXPECT_EQ(extract(fields)->trace_id.hex(), "000000000000000064fe8b2a57d3eff7");
  fields.b3 = "0";
  EXPECT_EQ(extract(fields)->trace_id.hex(), fields.b3_trace_id);
  EXPECT_FALSE(extract({}));
}

}  // namespace
}  // namespace kernspan
