// Functions in statements: what an expression yields, what an editor makes of a map.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/otlp/span_encoder.h"
#include "pipeline/ottl/condition.h"
#include "pipeline/ottl/record.h"
#include "tests/unit/pipeline/fake_clock.h"

namespace kernspan::ottl {

// With its type: "text", 12, 0.5, true, nil, 0x0102, [1, 2], {"a": 1}, time(...), duration(1s).
inline std::string shown(const Value& value) {
  std::string text;
  switch (value.type()) {
    case ValueType::kNil:
      return "nil";
    case ValueType::kString:
      return fmt::format("\"{}\"", value.as_string());
    case ValueType::kDouble:
      return fmt::format("{}", value.as_double()) +
             (value.as_double() == static_cast<double>(static_cast<std::int64_t>(value.as_double()))
                  ? ".0"
                  : "");
    case ValueType::kBytes:
      return fmt::format("0x{}", text_of(value)->view());
    case ValueType::kTime:
      return fmt::format("time({})", text_of(value)->view());
    case ValueType::kDuration:
      return fmt::format("duration({})", text_of(value)->view());
    case ValueType::kList:
      for (const Value& item : value.as_list()) text += (text.empty() ? "" : ", ") + shown(item);
      return fmt::format("[{}]", text);
    case ValueType::kMap:
      for (const Map::Entry& entry : value.as_map().entries()) {
        text += fmt::format("{}\"{}\": {}", text.empty() ? "" : ", ", entry.key.view(),
                            shown(entry.value));
      }
      return fmt::format("{{{}}}", text);
    default:
      return std::string(text_of(value)->view());
  }
}

struct Example {
  std::string expression;
  std::string value;  // shown(), or "error: " and what is wrong
};

class FunctionFixture : public ::testing::Test {
 protected:
  FunctionFixture() {
    otlp::RequestEncoder encoder;
    const std::vector<otlp::Attribute> attributes = {
        {"text", std::string_view("a text")}, {"int", std::int64_t{7}}, {"double", 2.5}};
    otlp::SpanData span;
    span.name = "GET /cart";
    span.attributes = attributes;
    encoder.add_span(span);
    span.parent_span_id.bytes[0] = 1;
    encoder.add_span(span);
    index_.emplace(encoder.take());
    record_.open_span(*index_, 0);
  }

  // Runs statements one after the other on the span; what is wrong, or "".
  std::string run(const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
      auto statement = Statement::compile(text, Context::kSpan);
      if (!statement) return statement.error().message;
      // The record may borrow from a statement.
      statements_.push_back(*std::move(statement));
      Evaluation at{.record = record_, .clock = clock_};
      if (const Result<bool> applied = statements_.back().apply(at); !applied) {
        return applied.error().message;
      }
    }
    return "";
  }

  // The value of an expression.
  std::string value(const std::string& expression) {
    record_.open_span(*index_, 0);
    if (const std::string error = run({fmt::format("set(cache[\"r\"], {})", expression)});
        !error.empty()) {
      return "error: " + error;
    }
    return cached("r");
  }

  // What a statement makes of cache["m"], which begins as `before`.
  std::string after(const std::string& before, const std::string& statement) {
    record_.open_span(*index_, 0);
    const std::string error = run({fmt::format("set(cache[\"m\"], {})", before), statement});
    if (!error.empty()) return "error: " + error;
    return cached("m");
  }

  void expect(const std::vector<Example>& examples) {
    for (const auto& [expression, expected] : examples) {
      const std::string found = value(expression);
      if (expected.starts_with("error: ")) {
        EXPECT_NE(found.find(expected.substr(7)), std::string::npos)
            << expression << " yields " << found;
        EXPECT_TRUE(found.starts_with("error: ")) << expression << " yields " << found;
      } else {
        EXPECT_EQ(found, expected) << expression;
      }
    }
  }

  std::string cached(std::string_view key) {
    const Value& cache = record_.cache();
    const Value* const value = cache.is_nil() ? nullptr : cache.as_map().find(key);
    return value == nullptr ? "nil" : shown(*value);
  }

  std::deque<Statement> statements_;
  std::optional<otlp::SpanIndex> index_;
  Record record_;
  FakeClock clock_;
};

}  // namespace kernspan::ottl
