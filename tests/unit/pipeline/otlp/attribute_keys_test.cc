#include "pipeline/otlp/attribute_keys.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "pipeline/otlp/attribute_view.h"
#include "tests/unit/pipeline/otlp/message_text.h"
#include "tests/unit/pipeline/otlp/random_request.h"

namespace kernspan::otlp {
namespace {

bool has_key(AttributeRange attributes, std::string_view key) {
  for (const AttributeView attribute : attributes) {
    if (attribute.key == key) return true;
  }
  return false;
}

class AttributeKeysTest : public ::testing::Test {
 protected:
  void add(std::string_view key) {
    ASSERT_EQ(keys_.add(key), names_.size());
    names_.emplace_back(key);
  }

  // What one walk finds is what looking for each alone finds.
  void expect_same(std::string_view message, std::uint32_t attributes) {
    std::vector<std::string_view> values(keys_.size(), "left from before");
    keys_.find(message, attributes, values);
    for (std::size_t i = 0; i < names_.size(); ++i) {
      const AttributeRange range(message, attributes);
      const ValueView expected = find_attribute(range, names_[i]);
      EXPECT_EQ(values[i].data() != nullptr, has_key(range, names_[i])) << names_[i];
      EXPECT_EQ(ValueView(values[i]).kind(), expected.kind()) << names_[i];
      EXPECT_EQ(ValueView(values[i]).wire(), expected.wire()) << names_[i];
      found_ += expected.kind() != ValueKind::kNone ? 1 : 0;
    }
  }

  AttributeKeys keys_;
  std::vector<std::string> names_;
  std::size_t found_ = 0;
};

TEST_F(AttributeKeysTest, EqualKeysGetOneNumber) {
  EXPECT_TRUE(keys_.empty());
  add("a");
  add("b");
  EXPECT_EQ(keys_.add("a"), 0U);
  EXPECT_EQ(keys_.add("b"), 1U);
  EXPECT_EQ(keys_.size(), 2U);
}

TEST_F(AttributeKeysTest, TheFirstAttributeOfAKeyCounts) {
  add("a");
  add("b");
  add("none");
  const std::string span = field(9, key_value("b", "")) + field(9, key_value("a", text("first"))) +
                           field(9, key_value("a", text("second"))) +
                           field(9, key_value("b", text("second")));
  std::vector<std::string_view> values(3);
  keys_.find(span, 9, values);
  EXPECT_EQ(ValueView(values[0]).as_string(), "first");
  EXPECT_NE(values[1].data(), nullptr);  // it has no value, and is there
  EXPECT_EQ(ValueView(values[1]).kind(), ValueKind::kNone);
  EXPECT_EQ(values[2].data(), nullptr);
  expect_same(span, 9);
}

TEST_F(AttributeKeysTest, AttributesAreFoundHoweverTheyAreWritten) {
  for (const std::size_t size :
       {0, 1, 7, 8, 9, 16, 62, 63, 64, 100, 124, 125, 126, 127, 128, 300}) {
    add(std::string(size, 'k'));
    if (size > 8) add(std::string(size - 1, 'k') + "x");
  }
  for (const std::string& name : names_) {
    SCOPED_TRACE(name.size());
    const std::string key = field(wire::key_value::kKey, name);
    const std::string value = field(wire::key_value::kValue, text("v"));
    for (const std::string& attribute :
         {key + value, value + key, key, key + field(wire::key_value::kValue, ""), value,
          key + value + field(7, "?"), field(7, "?") + key + value,
          key + field(wire::key_value::kValue, text("x")) + value,
          field(wire::key_value::kKey, "other") + key + value,
          key + field(wire::key_value::kValue, std::string("\x10\x01", 2)),
          key + field(wire::key_value::kValue, std::string("\x18\xFF\x01", 3)),
          key + field(wire::key_value::kValue, text(std::string(200, 'v'))), std::string()}) {
      for (const std::uint32_t number : {1U, 3U, 9U, 15U, 16U, 200U}) {
        const std::string whole = field(number, attribute);
        const std::string behind = field(number, key_value(name, text("second")));
        expect_same(whole, number);
        expect_same(field(5, "name") + whole + behind, number);
        expect_same(behind + whole, number);
        for (std::size_t cut = 0; cut < whole.size(); cut += 1 + whole.size() / 8) {
          expect_same(whole.substr(0, cut), number);
        }
      }
    }
  }
  EXPECT_GT(found_, 1'000U);
}

TEST_F(AttributeKeysTest, SpansOfAnyShapeGiveWhatLookingForEachKeyGives) {
  for (const char* key : {"key.0", "key.3", "key.5", "key.", "", "none", "yek.0"}) add(key);
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(seed);
    RandomRequest random(seed);
    const ReferenceRequest request = random.make();
    for (const auto& resource : request.resource_spans()) {
      expect_same(resource.resource().SerializeAsString(), wire::resource::kAttributes);
      for (const auto& scope : resource.scope_spans()) {
        expect_same(scope.scope().SerializeAsString(), wire::scope::kAttributes);
        for (const auto& each : scope.spans()) {
          std::string span = each.SerializeAsString();
          expect_same(span, wire::span::kAttributes);
          if (span.empty()) continue;
          for (std::size_t i = random.below(4); i != 0; --i) {
            span[random.below(span.size())] = static_cast<char>(random.below(256));
          }
          expect_same(span, wire::span::kAttributes);
        }
      }
    }
    if (HasFailure()) return;
  }
  EXPECT_GT(found_, 1'000U);
}

}  // namespace
}  // namespace kernspan::otlp
