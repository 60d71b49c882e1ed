#include "agent/conn/shared_method.h"

#include "agent/conn/http2_stream.h"

namespace kernspan {
namespace {

bool is_named(const Exchange& exchange) {
  return exchange.is_grpc() && !exchange.method.empty() && !exchange.target.empty();
}

bool is_answered(const Exchange& exchange) {
  return !exchange.error_type.empty() || exchange.stream->rpc_status.has_value();
}

void give_method(const Exchange& from, Exchange& to) {
  to.method = from.method;
  to.target = from.target;
  if (to.host.empty()) to.host = from.host;
  to.stream->rpc = from.stream->rpc;
  if (to.partial == kHeadersUnknown && is_answered(to)) to.partial = kFieldsUnknown;
}

}  // namespace

bool share_method(Exchange& client, Exchange& server) {
  if (!client.stream || !server.stream) return false;
  if (client.stream->stream != server.stream->stream) return false;
  if (is_named(client) && server.target.empty()) {
    give_method(client, server);
  } else if (is_named(server) && client.target.empty()) {
    give_method(server, client);
  } else {
    return false;
  }
  return true;
}

}  // namespace kernspan
