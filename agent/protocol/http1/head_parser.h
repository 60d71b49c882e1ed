// One message head, taken line by line as bytes arrive; each line is looked at once, however the
// head was split. Remembers places, not bytes: the caller keeps the bytes.
//
//   start line | field lines, each with the lines that fold it | blank line
//
// A field is judged when the line after it is complete, for that line may be its continuation. So
// what is found depends only on how many bytes of the head are known, never on how they came.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/protocol/http1/field_values.h"
#include "agent/protocol/http1/message.h"

namespace kernspan::http1 {

// Where a described head lives if it cannot be shown in place: folded or repeated fields.
struct HeadScratch {
  std::string unfolded;
  std::string traceparent;
  std::string tracestate;
  std::string b3;
};

class HeadParser {
 public:
  enum class Result : std::uint8_t {
    kIncomplete,
    kComplete,  // head_bytes() of `data` were the head
    kInvalid,   // reason() says why
  };

  explicit HeadParser(MessageKind kind) : kind_(kind) {}

  // `data` is the head from its first byte as far as it is known: what was given before, and more.
  Result parse(std::string_view data);

  std::size_t head_bytes() const { return line_begin_; }
  std::string_view reason() const { return reason_; }

  // After kComplete. `data` as given last; the views of `head` point into it and into `scratch`.
  void describe(std::string_view data, HeadScratch& scratch, Head& head) const;

  // After kIncomplete: the lines that are whole. False if not even the method or status is certain.
  bool describe_cut(std::string_view data, HeadScratch& scratch, Head& head);

 private:
  enum Field : std::uint8_t {
    kHost,
    kUserAgent,
    kContentType,
    kGrpcTimeout,
    kGrpcStatus,
    kUpgrade,
    kTraceparent,
    kTracestate,
    kB3,
    kB3TraceId,
    kB3SpanId,
    kB3ParentSpanId,
    kB3Sampled,
    kB3Flags,
    kKept,  // the fields above are kept for Head
    kContentLength = kKept,
    kTransferEncoding,
    kConnection,
    kOther,
  };
  struct Slice {
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
    std::string_view of(std::string_view data) const { return data.substr(offset, size); }
  };

  static Field field_of(std::string_view name);
  static Slice slice(std::string_view data, std::string_view part);

  bool take_start_line(std::string_view line, std::string_view data);
  bool take_field_line(std::string_view line, std::string_view data);
  void close_field(std::string_view data);
  Result take_blank_line(std::string_view data);
  Result fail(std::string_view reason);
  std::string_view joined(Field field, std::string_view data, std::string& storage) const;

  MessageKind kind_;
  bool start_line_done_ = false;
  bool folded_ = false;
  Field open_field_ = kOther;  // the field whose lines may not be over yet
  Slice open_value_;
  int version_minor_ = 1;
  int status_ = 0;
  Slice method_;
  Slice target_;
  std::array<Slice, kKept> kept_{};
  std::vector<std::pair<Field, Slice>> repeated_;  // further fields of the kinds that are joined
  FramingFields framing_;
  std::size_t fields_begin_ = 0;  // behind the start line
  std::size_t line_begin_ = 0;
  std::size_t searched_ = 0;  // no line end between line_begin_ and here
  std::string_view reason_;
};

}  // namespace kernspan::http1
