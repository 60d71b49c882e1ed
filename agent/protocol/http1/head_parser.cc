#include "agent/protocol/http1/head_parser.h"

#include <cstring>

#include "agent/protocol/http1/characters.h"
#include "agent/protocol/http1/start_line.h"

namespace kernspan::http1 {
namespace {

// Replaces line ends inside folded fields by spaces; `begin` is the end of the start line.
void unfold(std::string& head, std::size_t begin) {
  for (std::size_t i = begin; i + 1 < head.size(); ++i) {
    if (head[i] != '\n' || !is_space(head[i + 1])) continue;
    head[i] = ' ';
    if (head[i - 1] == '\r') head[i - 1] = ' ';
  }
}

}  // namespace

HeadParser::Field HeadParser::field_of(std::string_view name) {
  const auto is = [name](std::string_view lower) { return equals_ignoring_case(name, lower); };
  switch (name.size()) {
    case 2:
      if (is("b3")) return kB3;
      break;
    case 4:
      if (is("host")) return kHost;
      break;
    case 7:
      if (is("upgrade")) return kUpgrade;
      break;
    case 10:
      if (is("user-agent")) return kUserAgent;
      if (is("connection")) return kConnection;
      if (is("tracestate")) return kTracestate;
      if (is("x-b3-flags")) return kB3Flags;
      break;
    case 11:
      if (is("traceparent")) return kTraceparent;
      if (is("x-b3-spanid")) return kB3SpanId;
      if (is("grpc-status")) return kGrpcStatus;
      break;
    case 12:
      if (is("content-type")) return kContentType;
      if (is("x-b3-traceid")) return kB3TraceId;
      if (is("x-b3-sampled")) return kB3Sampled;
      if (is("grpc-timeout")) return kGrpcTimeout;
      break;
    case 14:
      if (is("content-length")) return kContentLength;
      break;
    case 17:
      if (is("transfer-encoding")) return kTransferEncoding;
      if (is("x-b3-parentspanid")) return kB3ParentSpanId;
      break;
    default:
      break;
  }
  return kOther;
}

HeadParser::Slice HeadParser::slice(std::string_view data, std::string_view part) {
  return {static_cast<std::uint32_t>(part.data() - data.data()),
          static_cast<std::uint32_t>(part.size())};
}

HeadParser::Result HeadParser::fail(std::string_view reason) {
  reason_ = reason;
  return Result::kInvalid;
}

HeadParser::Result HeadParser::parse(std::string_view data) {
  while (searched_ < data.size()) {
    const void* found = std::memchr(data.data() + searched_, '\n', data.size() - searched_);
    if (found == nullptr) break;
    const auto line_end = static_cast<std::size_t>(static_cast<const char*>(found) - data.data());
    std::string_view line = data.substr(line_begin_, line_end - line_begin_);
    line_begin_ = searched_ = line_end + 1;
    if (!start_line_done_) {
      if (!take_start_line(line, data)) return Result::kInvalid;
      continue;
    }
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) {
      return take_blank_line(data);
    }
    if (!take_field_line(line, data)) return Result::kInvalid;
  }
  searched_ = data.size();
  if (!start_line_done_) {
    const std::string_view reason = check_begun_start_line(kind_, data);
    if (!reason.empty()) return fail(reason);
  }
  return Result::kIncomplete;
}

bool HeadParser::take_start_line(std::string_view line, std::string_view data) {
  // First as it is judged before the line feed comes, so that the verdict is the same.
  reason_ = check_begun_start_line(kind_, line);
  if (!reason_.empty()) return false;
  if (line.ends_with('\r')) line.remove_suffix(1);
  StartLine start;
  reason_ = parse_start_line(kind_, line, start);
  if (!reason_.empty()) return false;
  start_line_done_ = true;
  fields_begin_ = line_begin_;
  version_minor_ = start.version_minor;
  status_ = start.status;
  if (kind_ == MessageKind::kRequest) {
    method_ = slice(data, start.method);
    target_ = slice(data, start.target);
  }
  return true;
}

bool HeadParser::take_field_line(std::string_view line, std::string_view data) {
  const bool continues = is_space(line.front());
  if (continues && open_value_.offset == 0) {
    reason_ = "space_after_start_line";
    return false;
  }
  std::string_view value = line;
  if (!continues) {
    close_field(data);
    const std::size_t name_bytes = token_size(line);
    std::size_t colon = name_bytes;
    // Only responses may have spaces before the colon (RFC 9112 section 5.1).
    while (kind_ == MessageKind::kResponse && colon < line.size() && is_space(line[colon])) ++colon;
    if (name_bytes == 0 || colon == line.size() || line[colon] != ':') {
      reason_ = "field_name";
      return false;
    }
    open_field_ = field_of(line.substr(0, name_bytes));
    value = line.substr(colon + 1);
    open_value_ = slice(data, value);
  }
  if (std::memchr(value.data(), '\r', value.size()) != nullptr) {
    reason_ = "bare_cr";
    return false;
  }
  if (continues) {
    folded_ = true;
    const Slice continuation = slice(data, line);
    open_value_.size = continuation.offset + continuation.size - open_value_.offset;
  }
  return true;
}

void HeadParser::close_field(std::string_view data) {
  if (open_field_ == kOther) return;
  const std::string_view value = trim(open_value_.of(data));
  switch (open_field_) {
    case kContentLength:
      framing_.add_content_length(value);
      break;
    case kTransferEncoding:
      framing_.add_transfer_encoding(value);
      break;
    case kConnection:
      framing_.add_connection(value);
      break;
    case kTraceparent:
    case kTracestate:
    case kB3:
      if (kept_[open_field_].offset != 0) {
        repeated_.emplace_back(open_field_, slice(data, value));
        break;
      }
      [[fallthrough]];
    default:
      // Of the other fields the first one counts.
      if (kept_[open_field_].offset == 0) kept_[open_field_] = slice(data, value);
      break;
  }
  open_field_ = kOther;
}

HeadParser::Result HeadParser::take_blank_line(std::string_view data) {
  close_field(data);
  if (std::memchr(data.data(), '\0', line_begin_) != nullptr) return fail("nul");
  const std::string_view fault = framing_.fault(kind_ == MessageKind::kRequest);
  return fault.empty() ? Result::kComplete : fail(fault);
}

std::string_view HeadParser::joined(Field field, std::string_view data,
                                    std::string& storage) const {
  const std::string_view first = kept_[field].of(data);
  for (const auto& [repeated_field, value] : repeated_) {
    if (repeated_field != field) continue;
    if (storage.empty()) storage = first;
    storage += ',';
    storage += value.of(data);
  }
  return storage.empty() ? first : std::string_view(storage);
}

void HeadParser::describe(std::string_view data, HeadScratch& scratch, Head& head) const {
  if (folded_) {
    scratch.unfolded = data.substr(0, line_begin_);
    unfold(scratch.unfolded, target_.offset + target_.size);
    data = scratch.unfolded;
  }
  head.kind = kind_;
  head.version_minor = version_minor_;
  head.status = status_;
  head.method = method_.of(data);
  head.target = target_.of(data);
  head.host = kept_[kHost].of(data);
  head.user_agent = kept_[kUserAgent].of(data);
  head.content_type = kept_[kContentType].of(data);
  head.grpc_timeout = kept_[kGrpcTimeout].of(data);
  head.grpc_status = kept_[kGrpcStatus].of(data);
  head.content_length = framing_.content_length();
  head.chunked = framing_.chunked();
  head.keep_alive = framing_.keep_alive(version_minor_);
  if (framing_.names_upgrade()) head.upgrade = kept_[kUpgrade].of(data);
  if (repeated_.empty()) {
    head.traceparent = kept_[kTraceparent].of(data);
    head.tracestate = kept_[kTracestate].of(data);
    head.b3 = kept_[kB3].of(data);
  } else {
    head.traceparent = joined(kTraceparent, data, scratch.traceparent);
    head.tracestate = joined(kTracestate, data, scratch.tracestate);
    head.b3 = joined(kB3, data, scratch.b3);
  }
  head.b3_trace_id = kept_[kB3TraceId].of(data);
  head.b3_span_id = kept_[kB3SpanId].of(data);
  head.b3_parent_span_id = kept_[kB3ParentSpanId].of(data);
  head.b3_sampled = kept_[kB3Sampled].of(data);
  head.b3_flags = kept_[kB3Flags].of(data);
  head.fields = data.substr(fields_begin_, line_begin_ - fields_begin_);
  head.head_bytes = line_begin_;
}

bool HeadParser::describe_cut(std::string_view data, HeadScratch& scratch, Head& head) {
  if (std::memchr(data.data(), '\0', data.size()) != nullptr) return false;
  if (!start_line_done_) {
    StartLine begun;
    if (!parse_cut_start_line(kind_, data, begun)) return false;
    version_minor_ = begun.version_minor;
    status_ = begun.status;
    if (kind_ == MessageKind::kRequest) method_ = slice(data, begun.method);
  }
  close_field(data);
  describe(data, scratch, head);
  head.head_bytes = data.size();
  head.truncated = true;
  return true;
}

}  // namespace kernspan::http1
