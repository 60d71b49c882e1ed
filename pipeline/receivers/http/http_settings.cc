#include "pipeline/receivers/http/http_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace kernspan {
namespace {

// What the encoders behind it can count.
constexpr std::uint64_t kLargestBodyBytes = 512 << 20;

void read_encodings(ConfigReader& http, HttpServerSettings* settings) {
  if (!http.has("compression_algorithms")) return;
  std::vector<std::string> names;
  http.string_list("compression_algorithms", &names);
  settings->encodings.clear();
  for (const std::string& name : names) {
    if (const auto encoding = content_encoding(name)) {
      if (*encoding != ContentEncoding::kIdentity) settings->encodings.push_back(*encoding);
    } else if (name == "snappy" || name == "lz4" || name == "x-snappy-framed") {
      http.warning(
          "compression_algorithms",
          fmt::format("{} is not supported here: its requests are answered with 415", name));
    } else if (!name.empty()) {  // "" stands for bodies without an encoding, which are always taken
      http.error("compression_algorithms",
                 fmt::format("unknown algorithm \"{}\": gzip, zstd, zlib and deflate are supported",
                             name));
    }
  }
}

void read_cors(ConfigReader& cors, CorsSettings* settings) {
  cors.string_list("allowed_origins", &settings->allowed_origins);
  cors.string_list("allowed_headers", &settings->allowed_headers);
  cors.integer<std::int32_t>("max_age", &settings->max_age_s, 0,
                             std::numeric_limits<std::int32_t>::max());
  if (settings->allowed_origins.empty() && !settings->allowed_headers.empty()) {
    cors.warning("allowed_headers", "has no effect without allowed_origins");
  }
}

void read_response_headers(ConfigReader& http, HttpServerSettings* settings) {
  http.string_map("response_headers", &settings->response_headers);
  for (const auto& [name, value] : settings->response_headers) {
    constexpr std::string_view kSeparators = "\r\n\t :\"(),/;<=>?@[\\]{}";
    if (name.empty() || name.find_first_of(kSeparators) != name.npos ||
        value.find_first_of("\r\n") != value.npos) {
      http.error("response_headers", "holds a name or a value that no HTTP header can have");
    }
  }
}

}  // namespace

void read_server_auth(ConfigReader& section, std::string* authenticator) {
  if (!section.has("auth")) return;
  ConfigReader& auth = section.section("auth");
  auth.string("authenticator", authenticator);
  if (authenticator->empty()) {
    auth.require("authenticator", "name the extension that decides, for example bearertokenauth");
  }
  std::vector<std::string> parameters;
  auth.string_list("request_params", &parameters);
  if (!parameters.empty()) {
    auth.error("request_params",
               "is not supported: secrets in URLs end in logs; let clients send a header");
  }
}

void read_http_server(ConfigReader& http, HttpServerSettings* settings) {
  http.endpoint("endpoint", &settings->endpoint);
  std::uint64_t max_body = 0;
  http.bytes("max_request_body_size", &max_body, 0, kLargestBodyBytes);
  if (max_body > 0) settings->max_request_body_size = max_body;
  read_encodings(http, settings);
  http.duration("read_timeout", &settings->read_timeout);
  http.duration("read_header_timeout", &settings->read_header_timeout);
  http.duration("write_timeout", &settings->write_timeout);
  http.duration("idle_timeout", &settings->idle_timeout);
  http.boolean("keep_alives_enabled", &settings->keep_alives_enabled);
  http.integer<std::uint32_t>("max_connections", &settings->max_connections, 1, 1'000'000);
  read_response_headers(http, settings);
  if (http.has("cors")) read_cors(http.section("cors"), &settings->cors);
  if (http.has("tls")) {
    read_server_tls(http.section("tls"), TlsLibrary::kOpenSsl, &settings->tls);
  }
  read_server_auth(http, &settings->authenticator);
  for (const char* key : {"include_metadata", "include_tls_metadata"}) {
    http.ignored(key, "no component of this engine reads a client's metadata");
  }
}

}  // namespace kernspan
