#include "tests/unit/pipeline/ottl/functions/function_fixture.h"

namespace kernspan::ottl {
namespace {

using CodeFunctions = FunctionFixture;

TEST_F(CodeFunctions, Base64) {
  expect({
      {R"(Base64Encode("hello world"))", R"("aGVsbG8gd29ybGQ=")"},
      {R"(Base64Encode(""))", R"("")"},
      {R"(Base64Encode("Go?/Z~x", "base64"))", R"("R28/L1p+eA==")"},
      {R"(Base64Encode("Go?/Z~x", "base64-raw"))", R"("R28/L1p+eA")"},
      {R"(Base64Encode("Go?/Z~x", "base64-url"))", R"("R28_L1p-eA==")"},
      {R"(Base64Encode("Go?/Z~x", variant = "base64-raw-url"))", R"("R28_L1p-eA")"},
      {R"(Base64Encode("a", "base32"))", "error: unsupported base64 variant: base32"},
      {R"(Base64Decode("aGVsbG8gd29ybGQ="))", R"("hello world")"},
      {R"(Base64Decode("!"))", "error: illegal base64 data at input byte 0"},
  });
}

TEST_F(CodeFunctions, Decode) {
  expect({
      {R"(Decode("aGVsbG8gd29ybGQ=", "base64"))", R"("hello world")"},
      {R"(Decode("R28/L1p+eA==", "base64"))", R"("Go?/Z~x")"},
      {R"(Decode("R28/L1p+eA", "base64-raw"))", R"("Go?/Z~x")"},
      {R"(Decode("R28_L1p-eA==", "base64-url"))", R"("Go?/Z~x")"},
      {R"(Decode("R28_L1p-eA", "base64-raw-url"))", R"("Go?/Z~x")"},
      {R"(Decode("!@#$%^&*()_+", "base64"))", "error: illegal base64 data at input byte"},
      {R"(Decode("cmVtb3ZlZCBwYWRkaW5nCg", "base64"))", "error: illegal base64 data at input byte"},
      {R"(Decode("test string", "us-ascii"))", R"("test string")"},
      {R"(Decode("test string", "ISO-8859-1"))", R"("test string")"},
      {R"(Decode(0xe9, "ISO-8859-1"))", R"("é")"},
      {R"(Decode("test string", "UTF-8"))", R"("test string")"},
      {R"(Decode(0x61ff62, "UTF-8"))",
       "\"a\xEF\xBF\xBD"
       "b\""},
      {R"(Decode(0x740065007300, "UTF-16"))", R"("tes")"},
      {R"(Decode(0x740065007300, "UTF16"))", R"("tes")"},
      {R"(Decode("test", "no-such-set"))", "error: no charmap defined for encoding 'no-such-set'"},
      {R"(Decode("test", "UTF-8//IGNORE"))", "error: no charmap defined"},
      {R"(Decode(10, "base64"))", "error: unsupported type provided to Decode function: int"},
      {R"(Decode(nil, "base64"))", "error: unsupported type provided to Decode function: <nil>"},
  });
}

TEST_F(CodeFunctions, Hex) {
  expect({
      {R"(Hex(1.0))", R"("3ff0000000000000")"},
      {R"(Hex(1.1))", R"("3ff199999999999a")"},
      {R"(Hex("12"))", R"("3132")"},
      {R"(Hex(true))", R"("01")"},
      {R"(Hex(false))", R"("00")"},
      {R"(Hex(12))", R"("000000000000000c")"},
      {R"(Hex(0x02))", R"("02")"},
      {R"(Hex(attributes["none"]))", "nil"},
  });
}

TEST_F(CodeFunctions, Digests) {
  expect({
      {R"(MD5("hello world"))", R"("5eb63bbbe01eeed093cb22bb8f5acdc3")"},
      {R"(MD5(""))", R"("d41d8cd98f00b204e9800998ecf8427e")"},
      {R"(SHA1("hello world"))", R"("2aae6c35c94fcfb415dbe95f408b9ce91ee846ed")"},
      {R"(SHA256("hello world"))",
       R"("b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9")"},
      {R"(SHA256(""))", R"("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")"},
      {R"(SHA512("hello world"))",
       R"("309ecc489c12d6eb4cc40f50c902f2b4d0ed77ee511a7c7a9bcd3ca86d4cd86f989dd35bc5ff499670da34255b45b0cfd830e81f605dcf7dc5542e93ae9cd76f")"},
      {R"(SHA256(attributes["int"]))", "error: expected string but got int"},
      {R"(MD5(attributes["none"]))", "error: expected string but got nil"},
  });
}

TEST_F(CodeFunctions, OtherHashes) {
  expect({
      {R"(FNV("hello world"))", "8618312879776256743"},
      {R"(FNV(""))", "-3750763034362895579"},
      {R"(FNV(10))", "error: expected string"},
      {R"(Murmur3Hash("Hello World"))", R"("ce837619")"},
      {R"(Murmur3Hash(""))", R"("00000000")"},
      {R"(Murmur3Hash128("Hello World"))", R"("dbc2a0c1ab26631a27b4c09fcf1fe683")"},
      {R"(Murmur3Hash128(""))", R"("00000000000000000000000000000000")"},
      {R"(XXH3("hello world"))", R"("d447b1ea40e6988b")"},
      {R"(XXH3(""))", R"("2d06800538d394c2")"},
      {R"(XXH128("hello world"))", R"("df8d09e93f874900a99b8775cc15b6c7")"},
      {R"(XXH128(""))", R"("99aa06d3014798d86001c324468d497f")"},
  });
}

TEST_F(CodeFunctions, Ids) {
  expect({
      {R"(TraceID(0x00000000000000000000000000000000))", "0x00000000000000000000000000000000"},
      {R"(TraceID("a389023abaa839283293ed323892389d"))", "0xa389023abaa839283293ed323892389d"},
      {R"(TraceID("a389"))", "error: an id of 16 bytes has 32 hexadecimal digits"},
      {R"(TraceID(0x0102))", "error: an id of 16 bytes cannot be made of 2"},
      {R"(TraceID(1))", "error: expected bytes or string but got int"},
      {R"(SpanID(0x0000000000000000))", "0x0000000000000000"},
      {R"(SpanID("0102030405060708"))", "0x0102030405060708"},
      {R"(SpanID("010203040506070x"))", "error: an id of 8 bytes"},
      {R"(ProfileID("a389023abaa839283293ed323892389d"))", "0xa389023abaa839283293ed323892389d"},
      {R"(IsMatch(UUID(), "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"))",
       "true"},
      // The first 48 bits are the clock's milliseconds: 1700000000000.
      {R"(IsMatch(UUIDv7(), "^018bcfe5-6800-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"))",
       "true"},
  });
  EXPECT_NE(value("UUID()"), value("UUID()"));
}

TEST_F(CodeFunctions, IsRootSpan) {
  expect({{"IsRootSpan()", "true"}});
  record_.open_span(*index_, 1);
  EXPECT_EQ(run({R"(set(cache["r"], IsRootSpan()))"}), "");
  EXPECT_EQ(shown(record_.cache()), R"({"r": false})");
  const auto refused = Condition::compile("IsRootSpan()", Context::kResource);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("IsRootSpan looks at a span"), std::string::npos);
  const std::vector<std::string> conditions = {R"(resource.attributes["a"] == 1 and IsRootSpan())"};
  EXPECT_EQ(infer_context(conditions).value(), Context::kSpan);
}

}  // namespace
}  // namespace kernspan::ottl
