#include "pipeline/otlp/rpc_answer.h"

#include "pipeline/otlp/json_text.h"
#include "pipeline/otlp/utf8.h"
#include "pipeline/otlp/wire_writer.h"

namespace kernspan::otlp {
namespace {

// google.rpc.Status { code = 1, message = 2 }
constexpr std::uint32_t kCode = 1;
constexpr std::uint32_t kMessage = 2;

}  // namespace

RpcCode rpc_code(int http_status) {
  switch (http_status) {
    case 400:
      return RpcCode::kInvalidArgument;
    case 401:
      return RpcCode::kUnauthenticated;
    case 403:
      return RpcCode::kPermissionDenied;
    case 404:
      return RpcCode::kUnimplemented;
    case 413:
    case 429:
      return RpcCode::kResourceExhausted;
    case 500:
      return RpcCode::kInternal;
    case 502:
    case 503:
    case 504:
      return RpcCode::kUnavailable;
    default:
      return RpcCode::kUnknown;
  }
}

std::string encode_status(RpcCode code, std::string_view message) {
  std::string text(message);
  replace_invalid_utf8(text.data(), text.size());
  WireWriter status;
  status.varint(kCode, static_cast<std::uint64_t>(code));
  status.bytes(kMessage, text);
  return status.finish();
}

std::string encode_status_json(RpcCode code, std::string_view message) {
  std::string text = "{";
  JsonText json(text);
  bool first = true;
  json.key(first, "code");
  json.number(static_cast<std::int64_t>(code));
  json.string(first, "message", message);
  text += '}';
  return text;
}

}  // namespace kernspan::otlp
