// Conditions and statements on a span that a test sets up.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "pipeline/otlp/batch.h"
#include "pipeline/ottl/condition.h"
#include "pipeline/ottl/edit_records.h"
#include "tests/unit/pipeline/fake_clock.h"
#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan::ottl {

// The functions that tests of the language itself call: what they do is in plain sight.
inline FunctionTable language_functions() {
  FunctionTable table;
  table.add({"set",
             {{"target", ParameterType::kTarget}, {"value", ParameterType::kAny}},
             [](Arguments& arguments) -> Result<Callable> {
               return [target = arguments.target(0),
                       value = arguments.getter(1)](Evaluation& at) -> Result<Value> {
                 Result<Value> read = value->get(at);
                 if (!read) return read;
                 if (Status set = target->set(at, *std::move(read)); !set) {
                   return std::unexpected(set.error());
                 }
                 return Value();
               };
             }});
  // "type:text" of each argument that is given.
  table.add({"Show",
             {{"value", ParameterType::kAny},
              {"like", ParameterType::kStringLike, true},
              {"count", ParameterType::kIntLiteral, true},
              {"names", ParameterType::kTextLiteralList, true},
              {"kind", ParameterType::kEnum, true},
              {"parts", ParameterType::kStringLikeList, true}},
             [](Arguments& arguments) -> Result<Callable> {
               std::string fixed;
               if (arguments.has(2)) fixed += " count=" + std::to_string(arguments.integer(2));
               for (const std::string& name : arguments.texts(3)) fixed += " name=" + name;
               if (arguments.has(4)) fixed += " kind=" + std::to_string(arguments.integer(4));
               return [value = arguments.getter(0), like = arguments.getter(1),
                       parts = arguments.getters(5), fixed](Evaluation& at) -> Result<Value> {
                 const Result<Value> read = value->get(at);
                 if (!read) return read;
                 std::string text(type_name(read->type()));
                 if (const auto shown = text_of(*read)) text += ":" + std::string(shown->view());
                 if (like != nullptr) {
                   const Result<Value> converted = like->get(at);
                   if (!converted) return converted;
                   text += " like=" + std::string(text_of(*converted).value_or(Text()).view());
                 }
                 for (const GetterPtr& part : parts) {
                   const Result<Value> converted = part->get(at);
                   if (!converted) return converted;
                   text += " part=" + std::string(text_of(*converted).value_or(Text()).view());
                 }
                 return Value::string(text + fixed);
               };
             }});
  table.add(
      {"Half", {{"number", ParameterType::kInt}}, [](Arguments& arguments) -> Result<Callable> {
         return [number = arguments.getter(0)](Evaluation& at) -> Result<Value> {
           const Result<Value> read = number->get(at);
           if (!read) return read;
           return Value::integer(read->as_int() / 2);
         };
       }});
  table.add({"Pair",
             {{"first", ParameterType::kAny}, {"second", ParameterType::kAny}},
             [](Arguments& arguments) -> Result<Callable> {
               return [first = arguments.getter(0),
                       second = arguments.getter(1)](Evaluation& at) -> Result<Value> {
                 Result<Value> a = first->get(at);
                 Result<Value> b = second->get(at);
                 if (!a) return a;
                 if (!b) return b;
                 return Value::list({*std::move(a), *std::move(b)});
               };
             }});
  table.add(
      {"IsNil", {{"value", ParameterType::kAny}}, [](Arguments& arguments) -> Result<Callable> {
         return [value = arguments.getter(0)](Evaluation& at) -> Result<Value> {
           const Result<Value> read = value->get(at);
           if (!read) return read;
           return Value::boolean(read->is_nil());
         };
       }});
  table.add(
      {"SECOND", {{"number", ParameterType::kInt}}, [](Arguments& arguments) -> Result<Callable> {
         return [number = arguments.getter(0)](Evaluation& at) -> Result<Value> {
           const Result<Value> read = number->get(at);
           if (!read) return read;
           return Value::duration({read->as_int() * 1'000'000'000});
         };
       }});
  table.add({"apply",
             {{"target", ParameterType::kTarget}, {"converter", ParameterType::kConverter}},
             [](Arguments& arguments) -> Result<Callable> {
               return [target = arguments.target(0),
                       converter = arguments.converter(1)](Evaluation& at) -> Result<Value> {
                 const Result<Value> read = target->get(at);
                 if (!read) return read;
                 Result<Value> applied = converter->apply(at, *read);
                 if (!applied) return applied;
                 if (Status set = target->set(at, *std::move(applied)); !set) {
                   return std::unexpected(set.error());
                 }
                 return Value();
               };
             }});
  return table;
}

class OttlFixture : public ::testing::Test {
 protected:
  OttlFixture() : request_(otlp::reference_request(1)) {}

  auto& resource() { return *request_.mutable_resource_spans(0)->mutable_resource(); }
  auto& scope_spans() { return *request_.mutable_resource_spans(0)->mutable_scope_spans(0); }
  auto& scope() { return *scope_spans().mutable_scope(); }
  auto& span(int number = 0) { return *scope_spans().mutable_spans(number); }

  // The value of a new attribute.
  template <typename Message>
  static auto& attribute(Message& message, const std::string& key) {
    auto& added = *message.add_attributes();
    added.set_key(key);
    return *added.mutable_value();
  }

  otlp::Batch batch() const {
    auto made = otlp::Batch::from_wire(request_.SerializeAsString());
    EXPECT_TRUE(made) << made.error().message;
    return made ? std::move(*made) : otlp::Batch();
  }

  // "true", "false", or what is wrong.
  std::string test(const std::string& text, Context context = Context::kSpan) {
    auto condition = SpanCondition::compile(text, context, functions_);
    if (!condition) return condition.error().message;
    const otlp::SpanIndex index(batch());
    const Result<bool> holds = condition->test(index, 0);
    if (!holds) return holds.error().message;
    return *holds ? "true" : "false";
  }

  // Applies statements in order to every record, in place; what is wrong, or empty.
  std::string apply_all(const std::vector<std::string>& texts, Context context = Context::kSpan) {
    std::vector<Statement> statements;
    for (const std::string& text : texts) {
      auto statement = Statement::compile(text, context, functions_);
      if (!statement) return statement.error().message;
      statements.push_back(*std::move(statement));
    }
    const std::size_t spans = batch().item_count();
    auto edited = edit_records(batch(), context, clock_, [&](Evaluation& at) -> Result<bool> {
      for (const Statement& statement : statements) {
        const Result<bool> applied = statement.apply(at);
        if (!applied) return applied;
      }
      return true;
    });
    if (!edited) return edited.error().message;
    EXPECT_EQ(edited->batch.item_count(), spans);
    std::string bytes;
    for (const std::string_view slice : edited->batch.slices()) bytes += slice;
    EXPECT_TRUE(otlp::Batch::from_wire(bytes)) << "what was written is well-formed";
    EXPECT_TRUE(request_.ParseFromString(bytes));
    return "";
  }
  std::string apply(const std::string& text, Context context = Context::kSpan) {
    return apply_all({text}, context);
  }

  otlp::ReferenceRequest request_;
  const FunctionTable functions_ = language_functions();
  FakeClock clock_;
};

}  // namespace kernspan::ottl
