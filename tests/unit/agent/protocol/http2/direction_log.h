// What a DirectionReader said, as lines of text.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "agent/protocol/http2/direction_reader.h"

namespace kernspan::http2 {

class DirectionLog final : public DirectionSink {
 public:
  // E.g. "headers 1 end :path=/a x=? ?=b ?", and "incomplete" behind the fields.
  void on_headers(std::uint32_t stream, std::int32_t offset, const HeaderBlock& block,
                  bool end_stream) override {
    std::string line = "headers " + std::to_string(stream);
    if (end_stream) line += " end";
    bool unknown = false;
    for (const Field& field : block.fields) {
      line += ' ';
      line += field.name ? *field.name : "?";
      line += '=';
      line += field.value ? *field.value : "?";
      unknown = unknown || !field.name || !field.value;
    }
    if (block.incomplete) line += " incomplete";
    if (unknown != block.has_unknown) line += " (has_unknown is wrong)";
    add(line, offset);
  }
  void on_message(const ks_http2_message& message, std::int32_t offset) override {
    add("message " + std::to_string(message.stream) + " " + std::to_string(message.length), offset);
  }
  void on_data(const ks_http2_data& data, std::int32_t offset) override {
    add("data " + std::to_string(data.stream) + " " + std::to_string(data.bytes), offset);
  }
  void on_reset(std::uint32_t stream, std::uint32_t error_code) override {
    add("reset " + std::to_string(stream) + " " + std::to_string(error_code));
  }
  void on_goaway(std::uint32_t last_stream, std::uint32_t error_code) override {
    add("goaway " + std::to_string(last_stream) + " " + std::to_string(error_code));
  }
  void on_header_table_size(std::uint32_t bytes) override { add("table " + std::to_string(bytes)); }
  void on_lost() override { add("lost"); }

  // The lines since the last call.
  std::vector<std::string> take() { return std::exchange(lines_, {}); }
  // Of the last event that has one.
  std::int32_t offset() const { return offset_; }

 private:
  void add(std::string line, std::int32_t offset) {
    offset_ = offset;
    add(std::move(line));
  }
  void add(std::string line) { lines_.push_back(std::move(line)); }

  std::vector<std::string> lines_;
  std::int32_t offset_ = 0;
};

}  // namespace kernspan::http2
