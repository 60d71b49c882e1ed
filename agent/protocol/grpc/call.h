// What the header fields of a gRPC call say. Spec: gRPC over HTTP2 (PROTOCOL-HTTP2.md) and gRPC-Web
// (PROTOCOL-WEB.md), both of https://github.com/grpc/grpc/tree/master/doc.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace kernspan::grpc {

enum class Protocol : std::uint8_t {
  kNone,  // not gRPC
  kGrpc,
  kWeb,      // the status comes in the body, behind the messages
  kWebText,  // the same, base64
};

// By the Content-Type field: "application/grpc", alone or with "+proto", "+json", or parameters.
Protocol protocol_of(std::string_view content_type);

// "grpc-web" and the like for kernspan.rpc.protocol; empty for kNone.
constexpr std::string_view protocol_name(Protocol protocol) {
  switch (protocol) {
    case Protocol::kNone:
      return "";
    case Protocol::kGrpc:
      return "grpc";
    case Protocol::kWeb:
      return "grpc-web";
    case Protocol::kWebText:
      return "grpc-web-text";
  }
  return "";
}

struct Method {
  std::string_view service;  // with its package
  std::string_view method;
};

// "/pkg.Service/Method"; nullopt if it is anything else. The views point into `path`.
std::optional<Method> parse_path(std::string_view path);

// A grpc-timeout, 1 to 8 digits and a unit, in nanoseconds; what does not fit is the maximum.
std::optional<std::uint64_t> parse_timeout(std::string_view value);

// A grpc-status: up to three digits. Numbers without a meaning are passed on as they are.
std::optional<int> parse_status(std::string_view value);

}  // namespace kernspan::grpc
