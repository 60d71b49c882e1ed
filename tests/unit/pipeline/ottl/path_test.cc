// Every path of upstream's contexts: what it reads, and what writing it does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/pipeline/ottl/ottl_fixture.h"

namespace kernspan::ottl {
namespace {

using ::testing::HasSubstr;

class OttlPathTest : public OttlFixture {
 protected:
  OttlPathTest() {
    span().set_trace_id(std::string("\x01\x02", 2) + std::string(13, '\0') + "\x0f");
    span().set_span_id("12345678");
    span().set_trace_state("a=1, b=2");
    span().set_flags(0x101);
    span().mutable_status()->set_code(opentelemetry::proto::trace::v1::Status::STATUS_CODE_ERROR);
    span().mutable_status()->set_message("broken");
    span().set_dropped_attributes_count(1);
    span().set_dropped_events_count(2);
    span().set_dropped_links_count(3);
  }

  // "type:text" of what the path reads; of the first event in the context spanevent.
  std::string read(const std::string& path, Context context = Context::kSpan) {
    std::string shown = "nothing";
    auto statement = Condition::compile("Show(" + path + ") == \"\"", context, functions_);
    if (!statement) return statement.error().message;
    FunctionTable table;
    table.add(
        {"note", {{"value", ParameterType::kAny}}, [&](Arguments& arguments) -> Result<Callable> {
           return [&shown, value = arguments.getter(0)](Evaluation& at) -> Result<Value> {
             const Result<Value> got = value->get(at);
             if (!got) return got;
             const auto text = text_of(*got);
             shown = std::string(type_name(got->type())) +
                     (text ? ":" + std::string(text->view()) : "");
             return Value();
           };
         }});
    auto note = Statement::compile("note(" + path + ")", context, table);
    if (!note) return note.error().message;
    auto seen =
        edit_records(batch(), context, clock_, [&](Evaluation& at) { return note->apply(at); });
    return seen ? shown : seen.error().message;
  }
};

TEST_F(OttlPathTest, ReadsSpans) {
  EXPECT_EQ(read("trace_id"), "bytes:0102000000000000000000000000000f");
  EXPECT_EQ(read("span.trace_id.string"), "string:0102000000000000000000000000000f");
  EXPECT_EQ(read("span_id"), "bytes:3132333435363738");
  EXPECT_EQ(read("span_id.string"), "string:3132333435363738");
  EXPECT_EQ(read("parent_span_id"), "bytes:0000000000000000") << "of a root: zeros, as upstream";
  EXPECT_EQ(read("parent_span_id.string"), "string:0000000000000000");
  EXPECT_EQ(read("trace_state"), "string:a=1, b=2");
  EXPECT_EQ(read("trace_state[\"b\"]"), "string:2");
  EXPECT_EQ(read("trace_state[\"c\"]"), "string:");
  EXPECT_EQ(read("name"), "string:GET /cart");
  EXPECT_EQ(read("kind"), "int:2");
  EXPECT_EQ(read("kind.string"), "string:Server");
  EXPECT_EQ(read("kind.deprecated_string"), "string:SPAN_KIND_SERVER");
  EXPECT_EQ(read("start_time_unix_nano"), "int:1700000000000000000");
  EXPECT_EQ(read("end_time_unix_nano"), "int:1700000000001000000");
  EXPECT_EQ(read("start_time"), "time:2023-11-14T22:13:20Z");
  EXPECT_EQ(read("end_time"), "time:2023-11-14T22:13:20.001Z");
  EXPECT_EQ(read("status"), R"(map:{"code":2,"message":"broken"})");
  EXPECT_EQ(read("status.code"), "int:2");
  EXPECT_EQ(read("status.message"), "string:broken");
  EXPECT_EQ(read("flags"), "int:257");
  EXPECT_EQ(read("dropped_attributes_count"), "int:1");
  EXPECT_EQ(read("dropped_events_count"), "int:2");
  EXPECT_EQ(read("dropped_links_count"), "int:3");
  EXPECT_EQ(read("attributes"), "map:{}");
  EXPECT_EQ(read("events"), "list:[]");
  EXPECT_EQ(read("links"), "list:[]");
  EXPECT_EQ(read("cache"), "map:{}");
  EXPECT_EQ(read("cache[\"x\"]"), "nil");
}

TEST_F(OttlPathTest, ReadsResourcesScopesAndEvents) {
  resource().set_dropped_attributes_count(4);
  request_.mutable_resource_spans(0)->set_schema_url("r://");
  scope_spans().set_schema_url("s://");
  scope().set_version("2");
  attribute(scope(), "k").set_bool_value(true);
  auto& event = *span().add_events();
  event.set_name("retry");
  event.set_time_unix_nano(1'700'000'000'000'000'001);
  event.set_dropped_attributes_count(5);
  EXPECT_EQ(read("resource.attributes"), R"(map:{"service.name":"shop"})");
  EXPECT_EQ(read("resource.dropped_attributes_count"), "int:4");
  EXPECT_EQ(read("resource.schema_url"), "string:r://");
  EXPECT_EQ(read("schema_url", Context::kResource), "string:r://");
  EXPECT_EQ(read("scope.schema_url"), "string:s://");
  EXPECT_EQ(read("instrumentation_scope.version"), "string:2");
  EXPECT_EQ(read("attributes[\"k\"]", Context::kScope), "bool:true");
  EXPECT_EQ(read("resource.attributes[\"service.name\"]", Context::kScope), "string:shop");
  EXPECT_EQ(read("name", Context::kSpanEvent), "string:retry");
  EXPECT_EQ(read("spanevent.time_unix_nano", Context::kSpanEvent), "int:1700000000000000001");
  EXPECT_EQ(read("time", Context::kSpanEvent), "time:2023-11-14T22:13:20.000000001Z");
  EXPECT_EQ(read("dropped_attributes_count", Context::kSpanEvent), "int:5");
  EXPECT_EQ(read("event_index", Context::kSpanEvent), "int:0");
  EXPECT_EQ(read("span.status.code", Context::kSpanEvent), "int:2");
  EXPECT_EQ(read("scope.name", Context::kSpanEvent), "string:reference");
}

TEST_F(OttlPathTest, WritesSpans) {
  EXPECT_EQ(apply_all({"set(trace_id.string, \"0102030405060708090a0b0c0d0e0f10\")",
                       "set(span_id, 0x0101010101010101)", "set(parent_span_id, span_id)",
                       "set(trace_state[\"b\"], \"3\")", "set(name, \"new\")",
                       "set(kind.string, \"Client\")", "set(start_time_unix_nano, 5)",
                       "set(end_time, start_time)", "set(status.code, STATUS_CODE_OK)",
                       "set(status.message, \"fine\")", "set(dropped_attributes_count, 0)",
                       "set(dropped_events_count, 7)", "set(dropped_links_count, 4294967295)"}),
            "");
  EXPECT_EQ(span().trace_id(), "\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20");
  EXPECT_EQ(span().span_id(), std::string(8, '\1'));
  EXPECT_EQ(span().parent_span_id(), std::string(8, '\1'));
  EXPECT_EQ(span().trace_state(), "b=3,a=1");
  EXPECT_EQ(span().name(), "new");
  EXPECT_EQ(span().kind(), 3);
  EXPECT_EQ(span().start_time_unix_nano(), 5U);
  EXPECT_EQ(span().end_time_unix_nano(), 5U);
  EXPECT_EQ(span().status().ShortDebugString(), "message: \"fine\" code: STATUS_CODE_OK");
  EXPECT_EQ(span().dropped_attributes_count(), 0U);
  EXPECT_EQ(span().dropped_events_count(), 7U);
  EXPECT_EQ(span().dropped_links_count(), 4'294'967'295U);
}

TEST_F(OttlPathTest, RefusesToWriteWhatDoesNotFit) {
  const std::string before = request_.SerializeAsString();
  EXPECT_EQ(apply("set(name, 1)"), "expected string but got int");
  EXPECT_EQ(apply("set(kind, \"x\")"), "expected int but got string");
  EXPECT_EQ(apply("set(kind.string, \"Server!\")"), "is no kind of span");
  EXPECT_EQ(apply("set(trace_id, 0x01)"), "an id has 16 bytes, not 1");
  EXPECT_EQ(apply("set(span_id.string, \"xyz\")"), "an id has 16 hex digits");
  EXPECT_EQ(apply("set(start_time, 1)"), "expected time but got int");
  EXPECT_EQ(apply("set(dropped_links_count, -1)"), "does not fit an unsigned number of 32 bits");
  EXPECT_EQ(apply("set(attributes, 1)"), "expected map but got int");
  EXPECT_EQ(apply("set(flags, 1)"), "flags cannot be set");
  EXPECT_EQ(apply("set(status, {\"code\": 1})"), "a status has a code and a message");
  EXPECT_THAT(apply("set(events, [{\"encoded\": 0xff}])"), HasSubstr("takes only what is read"));
  EXPECT_EQ(apply("set(trace_state[\"UP\"], \"x\")"), "") << "not a key: nothing happens";
  EXPECT_EQ(apply("set(name, nil)"), "") << "as upstream: nothing happens";
  EXPECT_EQ(request_.SerializeAsString(), before);
}

TEST_F(OttlPathTest, WritesAttributes) {
  attribute(span(), "keep").set_int_value(1);
  EXPECT_EQ(apply_all({R"(set(attributes["s"], "x"))", R"(set(attributes["keep"], 2.5))",
                       R"(set(attributes["l"], ["a", 1, nil, {"m": 0x01}]))",
                       R"(set(attributes["n"]["a"]["b"], true))", R"(set(attributes["p"][1], "x"))",
                       R"(set(attributes["n"]["a"]["c"], attributes["n"]["a"]["b"]))",
                       R"(set(attributes["none"], nil))"}),
            "");
  EXPECT_EQ(read("attributes"), R"(map:{"keep":2.5,"s":"x","l":["a",1,null,{"m":"AQ=="}],)"
                                R"("n":{"a":{"b":true,"c":true}},"p":[null,"x"]})");
  EXPECT_EQ(apply("set(attributes, {\"only\": name})"), "");
  EXPECT_EQ(read("attributes"), R"(map:{"only":"GET /cart"})");
  EXPECT_EQ(apply("set(attributes[\"only\"][\"x\"], 1)"), "string cannot be indexed");
}

TEST_F(OttlPathTest, WritesAbove) {
  attribute(*span().add_events(), "x").set_int_value(1);
  EXPECT_EQ(
      apply_all({"set(resource.attributes[\"from\"], span.name)",
                 "set(resource.schema_url, \"r://\")", "set(scope.version, \"9\")",
                 "set(scope.schema_url, \"s://\")", "set(span.attributes[\"seen\"], attributes)",
                 "set(attributes[\"x\"], 2)", "set(name, \"event\")"},
                Context::kSpanEvent),
      "");
  EXPECT_EQ(read("resource.attributes[\"from\"]"), "string:GET /cart");
  EXPECT_EQ(request_.resource_spans(0).schema_url(), "r://");
  EXPECT_EQ(scope().version(), "9");
  EXPECT_EQ(scope().name(), "reference");
  EXPECT_EQ(scope_spans().schema_url(), "s://");
  EXPECT_EQ(read("attributes[\"seen\"]"), R"(map:{"x":1})");
  EXPECT_EQ(span().events(0).name(), "event");
  EXPECT_EQ(span().events(0).attributes(0).value().int_value(), 2);
}

TEST_F(OttlPathTest, MovesEventsAndLinks) {
  span().add_events()->set_name("one");
  span().add_links()->set_trace_state("a=b");
  EXPECT_EQ(read("events"), R"(list:[{"time_unix_nano":0,"name":"one","attributes":{},)"
                            R"("dropped_attributes_count":0,"encoded":"EgNvbmU="}])");
  EXPECT_EQ(apply_all({"set(cache[\"e\"], events)", "set(cache[\"l\"], links)", "set(events, [])",
                       "set(links, [])", "set(attributes[\"left\"], events)",
                       "set(events, cache[\"e\"])"}),
            "");
  ASSERT_EQ(span().events_size(), 1);
  EXPECT_EQ(span().events(0).name(), "one");
  EXPECT_EQ(span().links_size(), 0);
  EXPECT_EQ(read("attributes[\"left\"]"), "list:[]");
}

TEST_F(OttlPathTest, TheCacheIsEmptyForEachRecord) {
  request_ = otlp::reference_request(2);
  EXPECT_EQ(
      apply_all({"set(attributes[\"before\"], cache[\"n\"])", "set(cache[\"n\"][\"x\"], name)",
                 "set(attributes[\"after\"], span.cache[\"n\"][\"x\"])"}),
      "");
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(span(i).attributes_size(), 1);
    EXPECT_EQ(span(i).attributes(0).value().string_value(), "GET /cart");
  }
  EXPECT_THAT(apply("set(resource.cache[\"x\"], 1)"), HasSubstr("the resource has no path"));
}

}  // namespace
}  // namespace kernspan::ottl
