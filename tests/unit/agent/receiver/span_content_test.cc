// What spans show of their requests: headers, metadata, queries, templates; and what they do not.
#include "tests/unit/agent/receiver/http2_fixture.h"

namespace kernspan {
namespace {

constexpr std::string_view kOk =
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Trace: one\r\nSet-Cookie: id=s3cret\r\n"
    "x-trace: two\r\n\r\n";

class SpanContentTest : public Http2TracerTest {
 protected:
  void show(SpanOptions options) {
    TracerSettings settings;
    settings.spans = std::move(options);
    remake(std::move(settings));
  }
  static SpanOptions headers(std::vector<std::string> request, std::vector<std::string> response) {
    SpanOptions options;
    options.request_headers = HeaderNames(request);
    options.response_headers = HeaderNames(response);
    return options;
  }
  static std::shared_ptr<const Redaction> redaction(std::vector<std::string> patterns) {
    return *Redaction::create({.patterns = std::move(patterns), .query_keys = {}});
  }
  static std::shared_ptr<const PathTemplates> templates(const std::vector<std::string>& texts) {
    return std::make_shared<const PathTemplates>(*PathTemplates::create(texts));
  }

  // Both ends of one exchange: the client's span and the server's.
  std::pair<SpanRecord, SpanRecord> exchange(std::string_view request,
                                             std::string_view answer = kOk) {
    auto [client, server] = story_->connect_pair(8080);
    story_->send(client, kClientThread, request);
    story_->recv(server, kServerThread, request);
    story_->send(server, kServerThread, answer);
    story_->recv(client, kClientThread, answer);
    const auto all = spans_after_wait();
    EXPECT_EQ(all.size(), 2u);
    return all.at(0).kind == 3 ? std::pair(all.at(0), all.at(1)) : std::pair(all.at(1), all.at(0));
  }
  SpanRecord served(std::string path, int status = 200) {
    return exchange("GET " + path + " HTTP/1.1\r\nHost: shop.example\r\n\r\n",
                    "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: 0\r\n\r\n")
        .second;
  }
  // A list attribute as RecordValue has it.
  static std::string list(const std::vector<std::string>& texts) {
    std::string json;
    for (const std::string& text : texts) {
      json += (json.empty() ? "" : ",") + ("{\"stringValue\":\"" + text + "\"}");
    }
    return "[" + json + "]";
  }
  static std::string all_of(const SpanRecord& span) {
    std::string text = span.name;
    for (const auto& attribute : span.attributes) {
      text += "\n" + attribute.key + "=" + otlp::to_text(attribute.value);
    }
    return text;
  }
};

TEST_F(SpanContentTest, NoHeaderIsShownUnlessItIsNamed) {
  const auto [client, server] = exchange(
      "GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: 7\r\nAuthorization: Bearer s3cret\r\n\r\n");
  for (const SpanRecord& span : {client, server}) {
    EXPECT_EQ(all_of(span).find("header"), std::string::npos);
    EXPECT_EQ(all_of(span).find("s3cret"), std::string::npos);
  }
}

TEST_F(SpanContentTest, NamedHeadersAreListsInTheOrderOfTheWire) {
  show(headers({"X-Request-Id", "x-absent"}, {"x-trace"}));
  const auto [client, server] = exchange(
      "GET / HTTP/1.1\r\nHost: a\r\nX-REQUEST-ID:  7 \r\nX-Other: no\r\nx-request-id: 8\r\n\r\n");
  for (const SpanRecord& span : {client, server}) {
    EXPECT_EQ(span.attribute("http.request.header.x-request-id"), list({"7", "8"}));
    EXPECT_EQ(span.attribute("http.response.header.x-trace"), list({"one", "two"}));
    EXPECT_EQ(span.attribute("http.request.header.x-absent"), "");
    EXPECT_EQ(all_of(span).find("x-other"), std::string::npos);
  }
}

TEST_F(SpanContentTest, AHeadInPiecesAndFoldedLinesAreShownAsOne) {
  show(headers({"x-folded"}, {}));
  auto [client, server] = story_->connect_pair(8080);
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\nX-Folded: one\r\n two\r\n\r\n";
  story_->recv(server, kServerThread, head);
  story_->send(server, kServerThread, kOk);
  const std::string value = spans_after_wait().at(0).attribute("http.request.header.x-folded");
  EXPECT_EQ(value, list({"one   two"}));
}

TEST_F(SpanContentTest, SensitiveOnesAreRedactedUnlessASecondKeyNamesThem) {
  constexpr std::string_view kRequest =
      "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer s3cret\r\nCookie: id=s3cret\r\n\r\n";
  show(headers({"authorization", "cookie"}, {"set-cookie"}));
  const auto [client, server] = exchange(kRequest);
  EXPECT_EQ(server.attribute("http.request.header.authorization"), list({"REDACTED"}));
  EXPECT_EQ(server.attribute("http.request.header.cookie"), list({"REDACTED"}));
  EXPECT_EQ(client.attribute("http.response.header.set-cookie"), list({"REDACTED"}));
  EXPECT_EQ(all_of(client).find("s3cret"), std::string::npos);

  SpanOptions options = headers({"authorization", "cookie"}, {});
  options.revealed_headers = HeaderNames({"cookie"});
  show(options);
  const SpanRecord revealed = exchange(kRequest).second;
  EXPECT_EQ(revealed.attribute("http.request.header.cookie"), list({"id=s3cret"}));
  EXPECT_EQ(revealed.attribute("http.request.header.authorization"), list({"REDACTED"}));
}

TEST_F(SpanContentTest, ALongValueIsRedactedBeforeItIsCut) {
  SpanOptions options = headers({"x-note"}, {});
  options.header_value_bytes = 16;
  options.redaction = redaction({"key-[0-9]{6}"});
  show(options);
  const std::string request =
      "GET / HTTP/1.1\r\nHost: a\r\nX-Note: 0123456789key-123456 and more\r\n\r\n";
  const SpanRecord span = exchange(request).second;
  EXPECT_EQ(span.attribute("http.request.header.x-note"), list({"0123456789REDACT"}));
}

TEST_F(SpanContentTest, UrlsInHeadersLoseTheirQueriesAndUsers) {
  show(headers({"referer"}, {}));
  const SpanRecord span =
      exchange("GET / HTTP/1.1\r\nHost: a\r\nReferer: http://u:s3cret@b/c?token=s3cret\r\n\r\n")
          .second;
  EXPECT_EQ(span.attribute("http.request.header.referer"), list({"http://b/c?REDACTED"}));
}

TEST_F(SpanContentTest, Http2HeadersAndGrpcMetadata) {
  show(headers({"x-request-id"}, {"x-served-by", "x-cost"}));
  Http2Pair pair = connect_http2();
  pair.up.headers(1, get("/a", {{"x-request-id", "7"}, {"x-other", "no"}}), true);
  to_server(pair);
  pair.down.headers(1, {{":status", "200"}, {"x-served-by", "b"}}, true);
  from_server(pair);
  const SpanRecord http = spans_after_wait().at(0);
  EXPECT_EQ(http.attribute("http.request.header.x-request-id"), list({"7"}));
  EXPECT_EQ(http.attribute("http.response.header.x-served-by"), list({"b"}));
  EXPECT_EQ(all_of(http).find("x-other"), std::string::npos);

  pair.up.headers(3, call("Add", {{"x-request-id", "8"}})).message(3, 20).end(3);
  to_server(pair);
  pair.down.headers(3, grpc_ok()).message(3, 20);
  pair.down.trailers(3, {{"grpc-status", "0"}, {"x-cost", "12"}});
  from_server(pair);
  const SpanRecord grpc = spans_after_wait().at(0);
  EXPECT_EQ(grpc.attribute("rpc.grpc.request.metadata.x-request-id"), list({"8"}));
  EXPECT_EQ(grpc.attribute("rpc.grpc.response.metadata.x-cost"), list({"12"}));
  EXPECT_EQ(all_of(grpc).find("http.request.header"), std::string::npos);
}

TEST_F(SpanContentTest, PatternsReachPathQueryUrlAndUserAgent) {
  SpanOptions options;
  options.url_query = true;
  options.redaction = redaction({"s3[a-z]+"});
  show(options);
  const auto [client, server] = exchange(
      "GET /reset/s3cret?a=s3cret&sig=x HTTP/1.1\r\nHost: shop\r\nUser-Agent: bot s3cret\r\n\r\n");
  EXPECT_EQ(server.attribute("url.path"), "/reset/REDACTED");
  EXPECT_EQ(server.attribute("url.query"), "a=REDACTED&sig=REDACTED");
  EXPECT_EQ(server.attribute("user_agent.original"), "bot REDACTED");
  EXPECT_EQ(client.attribute("url.full"),
            "http://shop:8080/reset/REDACTED?a=REDACTED&sig=REDACTED");
  EXPECT_EQ((all_of(client) + all_of(server)).find("s3cret"), std::string::npos);
}

TEST_F(SpanContentTest, ConfiguredTemplatesAreTheServersRouteAndTheClientsTemplate) {
  SpanOptions options;
  options.templates = templates({"/users/{id}", "/static/*"});
  show(options);
  const auto [client, server] = exchange("GET /users/7?x=1 HTTP/1.1\r\nHost: shop\r\n\r\n");
  EXPECT_EQ(server.name, "GET /users/{id}");
  EXPECT_EQ(server.attribute("http.route"), "/users/{id}");
  EXPECT_EQ(server.attribute("url.template"), "");
  EXPECT_EQ(server.attribute("url.path"), "/users/7");
  EXPECT_EQ(client.name, "GET /users/{id}");
  EXPECT_EQ(client.attribute("url.template"), "/users/{id}");
  EXPECT_EQ(client.attribute("http.route"), "");
  const SpanRecord other = served("/cart");
  EXPECT_EQ(other.name, "GET");
  EXPECT_EQ(other.attribute("http.route"), "");
}

TEST_F(SpanContentTest, GuessedTemplatesAreNoRoutes) {
  SpanOptions options;
  options.guess_templates = true;
  show(options);
  const SpanRecord span = served("/users/7");
  EXPECT_EQ(span.name, "GET /users/{id}");
  EXPECT_EQ(span.attribute("http.route"), "");
  EXPECT_EQ(span.attribute("url.template"), "/users/{id}");
}

TEST_F(SpanContentTest, GuessedTemplatesAreBoundedAndPathsThatAreNotThereAddNone) {
  SpanOptions options;
  options.guess_templates = true;
  options.guessed_templates_max = 2;
  show(options);
  EXPECT_EQ(served("/scan", 404).name, "GET /*");
  EXPECT_EQ(served("/a").name, "GET /a");
  EXPECT_EQ(served("/b").name, "GET /b");
  EXPECT_EQ(served("/c").name, "GET /*");
  EXPECT_EQ(served("/c").attribute("url.path"), "/c");
  EXPECT_EQ(served("/a", 404).name, "GET /a") << "what is known stays";
}

TEST_F(SpanContentTest, ATemplateShowsNoSecretAndCanStandForThePath) {
  SpanOptions options;
  options.guess_templates = true;
  options.redaction = redaction({"/reset/([^/]+)"});
  show(options);
  EXPECT_EQ(served("/reset/blue-horse").name, "GET /reset/REDACTED");

  options = {};
  options.templates = templates({"/users/{id}"});
  options.replace_path = true;
  show(options);
  const auto [client, server] = exchange("GET /users/anna HTTP/1.1\r\nHost: shop\r\n\r\n");
  EXPECT_EQ(server.attribute("url.path"), "/users/{id}");
  EXPECT_EQ(client.attribute("url.full"), "http://shop:8080/users/{id}");
}

}  // namespace
}  // namespace kernspan
