// What a header block says that an exchange is made of. Spec: RFC 9113 section 8.3.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "agent/protocol/http2/direction_reader.h"
#include "agent/protocol/trace_context/trace_context.h"

namespace kernspan {

// The views point into the block or into the scratch space. An empty view: absent, or not known.
struct Http2Head {
  // A field with the name of a request's, or a response's, pseudo-header: certain even where the
  // value is not known.
  bool has_request_fields = false;
  bool has_status = false;
  // Some name or value is not known: any other field may be there too.
  bool has_unknown = false;
  bool incomplete = false;
  // A field that only gRPC uses.
  bool has_grpc_fields = false;

  std::string_view method;
  std::string_view path;
  std::string_view authority;
  std::string_view scheme;  // "http" or "https": a constant
  int status = 0;           // 0: not known
  std::string_view host;
  std::string_view user_agent;
  std::string_view content_type;
  std::string_view grpc_status;
  std::string_view grpc_timeout;
  PropagationFields propagation;
  std::span<const http2::Field> fields;  // all of the block

  bool is_whole() const { return !has_unknown && !incomplete; }

  // Of what is certain: where a name is not known, a context that is spread over several fields is
  // none.
  std::optional<TraceContext> trace_context() const;
};

// Where fields that came several times are joined.
struct Http2HeadScratch {
  std::string traceparent;
  std::string tracestate;
  std::string b3;
};

Http2Head read_head(const http2::HeaderBlock& block, Http2HeadScratch& scratch);

}  // namespace kernspan
