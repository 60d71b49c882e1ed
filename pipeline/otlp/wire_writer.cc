#include "pipeline/otlp/wire_writer.h"

#include <utility>

namespace kernspan::otlp {
namespace {

constexpr std::uint32_t kVarint = 0;
constexpr std::uint32_t kFixed64 = 1;
constexpr std::uint32_t kLengthDelimited = 2;
constexpr std::uint32_t kFixed32 = 5;

void append_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

std::size_t varint_size(std::uint64_t value) {
  std::size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

template <typename Integer>
void append_little_endian(std::string& out, Integer value) {
  char bytes[sizeof value];
  for (char& byte : bytes) {
    byte = static_cast<char>(value & 0xFF);
    value >>= 8;
  }
  out.append(bytes, sizeof bytes);
}

}  // namespace

void WireWriter::tag(std::uint32_t field, std::uint32_t type) {
  append_varint(out_, field << 3 | type);
}

void WireWriter::begin(std::uint32_t field) {
  tag(field, kLengthDelimited);
  open_.push_back({.nested = nested_.size(), .length_bytes = 0});
  nested_.push_back({.position = static_cast<std::uint32_t>(out_.size()), .size = 0});
}

void WireWriter::end() {
  const Open ended = open_.back();
  open_.pop_back();
  Nested& nested = nested_[ended.nested];
  nested.size = static_cast<std::uint32_t>(out_.size() - nested.position + ended.length_bytes);
  const std::size_t own = varint_size(nested.size);
  length_bytes_ += own;
  if (!open_.empty()) open_.back().length_bytes += own + ended.length_bytes;
}

void WireWriter::varint(std::uint32_t field, std::uint64_t value) {
  tag(field, kVarint);
  append_varint(out_, value);
}

void WireWriter::fixed32(std::uint32_t field, std::uint32_t value) {
  tag(field, kFixed32);
  append_little_endian(out_, value);
}

void WireWriter::fixed64(std::uint32_t field, std::uint64_t value) {
  tag(field, kFixed64);
  append_little_endian(out_, value);
}

void WireWriter::bytes(std::uint32_t field, std::string_view value) {
  tag(field, kLengthDelimited);
  append_varint(out_, value.size());
  out_ += value;
}

void WireWriter::packed_varint(std::uint64_t value) {
  append_varint(out_, value);
}

void WireWriter::packed_fixed32(std::uint32_t value) {
  append_little_endian(out_, value);
}

void WireWriter::packed_fixed64(std::uint64_t value) {
  append_little_endian(out_, value);
}

std::string WireWriter::finish() {
  std::string result;
  result.reserve(out_.size() + length_bytes_);
  std::size_t copied = 0;
  for (const Nested& nested : nested_) {
    result.append(out_, copied, nested.position - copied);
    append_varint(result, nested.size);
    copied = nested.position;
  }
  result.append(out_, copied);
  out_.clear();
  nested_.clear();
  open_.clear();
  length_bytes_ = 0;
  return result;
}

}  // namespace kernspan::otlp
