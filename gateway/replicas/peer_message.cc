#include "gateway/replicas/peer_message.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "pipeline/otlp/wire_reader.h"
#include "pipeline/otlp/wire_writer.h"

namespace kernspan::replicas {
namespace {

using otlp::WireField;
using otlp::WireReader;
using otlp::WireType;

namespace hello_field {
constexpr std::uint32_t kAddress = 1;
constexpr std::uint32_t kInstance = 2;
constexpr std::uint32_t kLeaving = 3;
constexpr std::uint32_t kMembers = 4;
constexpr std::uint32_t kGroup = 5;
}  // namespace hello_field

namespace envelope_field {
constexpr std::uint32_t kInstance = 1;
constexpr std::uint32_t kSequence = 2;
constexpr std::uint32_t kChannel = 3;
constexpr std::uint32_t kHops = 4;
constexpr std::uint32_t kAge = 5;
constexpr std::uint32_t kAges = 6;
constexpr std::uint32_t kDecided = 7;
constexpr std::uint32_t kGroup = 8;
}  // namespace envelope_field

namespace answer_field {
constexpr std::uint32_t kOutcome = 1;
constexpr std::uint32_t kMessage = 2;
}  // namespace answer_field

constexpr std::size_t kSizeBytes = sizeof(std::uint32_t);
constexpr std::size_t kIdBytes = 16;
constexpr std::size_t kAgeBytes = kIdBytes + 8;
constexpr std::size_t kDecidedBytes = kIdBytes + 1 + 2 + 8;
// A name or an address; and how many members a replica may know.
constexpr std::size_t kMaxText = 1024;
constexpr std::size_t kMaxMembers = 10'000;
// A century: what is older has been made up.
constexpr std::uint64_t kMaxAgeNs = 3'155'760'000'000'000'000;

template <typename Number>
void append_number(std::string& out, Number number) {
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  out.append(bytes, sizeof bytes);
}

template <typename Number>
Number take_number(std::string_view& bytes) {
  const auto number = otlp::read_little_endian<Number>(bytes.data());
  bytes.remove_prefix(sizeof number);
  return number;
}

TraceId take_id(std::string_view& bytes) {
  TraceId id;
  std::memcpy(id.bytes.data(), bytes.data(), kIdBytes);
  bytes.remove_prefix(kIdBytes);
  return id;
}

std::chrono::nanoseconds age_of(std::uint64_t ns) {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(std::min(ns, kMaxAgeNs)));
}

std::string join(const PeerBytes& bytes) {
  std::string joined;
  for (const otlp::Slice& slice : bytes) joined += slice.view();
  return joined;
}

// The first `size` bytes, copied; `bytes` is what lies behind them. Empty when there are fewer.
std::string take_front(PeerBytes& bytes, std::size_t size) {
  std::string front;
  std::size_t used = 0;
  while (front.size() < size && used < bytes.size()) {
    otlp::Slice& slice = bytes[used];
    const std::size_t part = std::min(size - front.size(), slice.size());
    front += slice.view().substr(0, part);
    if (part == slice.size()) {
      ++used;
    } else {
      slice = otlp::Slice(slice.owner(), slice.view().substr(part));
    }
  }
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(used));
  if (front.size() < size) front.clear();
  return front;
}

Status read_text(const WireField& field, std::string* text) {
  if (field.type != WireType::kBytes || field.bytes.size() > kMaxText) {
    return permanent("a name that cannot be");
  }
  *text = field.bytes;
  return {};
}

Status read_ages(std::string_view bytes, std::vector<TraceAge>* ages) {
  if (bytes.size() % kAgeBytes != 0) return permanent("ages are truncated");
  ages->reserve(bytes.size() / kAgeBytes);
  while (!bytes.empty()) {
    TraceAge& age = ages->emplace_back();
    age.trace_id = take_id(bytes);
    age.age = age_of(take_number<std::uint64_t>(bytes));
  }
  return {};
}

Status read_decided(std::string_view bytes, std::vector<DecidedTrace>* traces) {
  if (bytes.size() % kDecidedBytes != 0) return permanent("decided traces are truncated");
  traces->reserve(bytes.size() / kDecidedBytes);
  while (!bytes.empty()) {
    DecidedTrace& decided = traces->emplace_back();
    decided.trace_id = take_id(bytes);
    decided.verdict = take_number<std::uint8_t>(bytes);
    decided.policy = take_number<std::uint16_t>(bytes);
    decided.detail = take_number<std::uint64_t>(bytes);
  }
  return {};
}

Status read_envelope_field(const WireField& field, HandOffMessage* message) {
  HandOff& hand_off = message->hand_off;
  switch (field.number) {
    case envelope_field::kInstance:
      message->instance = field.value;
      break;
    case envelope_field::kSequence:
      message->sequence = field.value;
      break;
    case envelope_field::kChannel:
      return read_text(field, &message->channel);
    case envelope_field::kGroup:
      return read_text(field, &message->group);
    case envelope_field::kHops:
      hand_off.hops = static_cast<std::uint32_t>(std::min<std::uint64_t>(field.value, 255));
      break;
    case envelope_field::kAge:
      hand_off.age = age_of(field.value);
      break;
    case envelope_field::kAges:
      return read_ages(field.bytes, &hand_off.ages);
    case envelope_field::kDecided:
      return read_decided(field.bytes, &hand_off.decided);
    default:
      break;
  }
  return {};
}

std::string encode_envelope(const HandOffMessage& message) {
  const HandOff& hand_off = message.hand_off;
  otlp::WireWriter writer;
  writer.fixed64(envelope_field::kInstance, message.instance);
  writer.varint(envelope_field::kSequence, message.sequence);
  writer.bytes(envelope_field::kChannel, message.channel);
  writer.varint(envelope_field::kHops, hand_off.hops);
  writer.varint(envelope_field::kAge, static_cast<std::uint64_t>(hand_off.age.count()));
  if (!hand_off.ages.empty()) {
    std::string ages;
    ages.reserve(hand_off.ages.size() * kAgeBytes);
    for (const TraceAge& age : hand_off.ages) {
      ages += age.trace_id.view();
      append_number(ages, static_cast<std::uint64_t>(age.age.count()));
    }
    writer.bytes(envelope_field::kAges, ages);
  }
  if (!hand_off.decided.empty()) {
    std::string decided;
    decided.reserve(hand_off.decided.size() * kDecidedBytes);
    for (const DecidedTrace& trace : hand_off.decided) {
      decided += trace.trace_id.view();
      append_number(decided, trace.verdict);
      append_number(decided, trace.policy);
      append_number(decided, trace.detail);
    }
    writer.bytes(envelope_field::kDecided, decided);
  }
  writer.bytes(envelope_field::kGroup, message.group);
  return writer.finish();
}

}  // namespace

std::string encode(const Hello& hello) {
  otlp::WireWriter writer;
  writer.bytes(hello_field::kAddress, hello.address);
  writer.fixed64(hello_field::kInstance, hello.instance);
  writer.varint(hello_field::kLeaving, hello.leaving ? 1 : 0);
  for (const std::string& member : hello.members) writer.bytes(hello_field::kMembers, member);
  writer.bytes(hello_field::kGroup, hello.group);
  return writer.finish();
}

Result<Hello> decode_hello(const PeerBytes& bytes) {
  const std::string joined = join(bytes);
  Hello hello;
  WireReader reader(joined);
  WireField field;
  Status read = {};
  while (read && reader.next(field)) {
    if (field.number == hello_field::kAddress) read = read_text(field, &hello.address);
    if (field.number == hello_field::kInstance) hello.instance = field.value;
    if (field.number == hello_field::kLeaving) hello.leaving = field.value != 0;
    if (field.number == hello_field::kGroup) read = read_text(field, &hello.group);
    if (field.number != hello_field::kMembers || hello.members.size() >= kMaxMembers) continue;
    read = read_text(field, &hello.members.emplace_back());
  }
  if (!read) return std::unexpected(read.error());
  if (reader.error() != otlp::WireError::kNone) return permanent(to_text(reader.error()));
  if (hello.address.empty()) return permanent("a hello without an address");
  return hello;
}

PeerBytes encode(const HandOffMessage& message) {
  const std::string envelope = encode_envelope(message);
  std::string front;
  append_number(front, static_cast<std::uint32_t>(envelope.size()));
  front += envelope;
  PeerBytes bytes;
  bytes.reserve(1 + message.hand_off.spans.slices().size());
  bytes.emplace_back(std::move(front));
  for (const otlp::Slice& slice : message.hand_off.spans.slices()) bytes.push_back(slice);
  return bytes;
}

Result<HandOffMessage> decode_hand_off(PeerBytes bytes) {
  std::size_t size = 0;
  for (const otlp::Slice& slice : bytes) size += slice.size();
  const std::string length = take_front(bytes, kSizeBytes);
  if (length.empty()) return permanent("truncated");
  const auto envelope_size = otlp::read_little_endian<std::uint32_t>(length.data());
  if (envelope_size > size - kSizeBytes) return permanent("truncated");
  const std::string envelope = take_front(bytes, envelope_size);
  HandOffMessage message;
  WireReader reader(envelope);
  WireField field;
  while (reader.next(field)) {
    if (Status read = read_envelope_field(field, &message); !read) {
      return std::unexpected(read.error());
    }
  }
  if (reader.error() != otlp::WireError::kNone) return permanent(to_text(reader.error()));
  if (message.instance == 0 || message.sequence == 0) return permanent("without a number");
  if (bytes.empty()) return message;
  Result<otlp::Batch> spans = otlp::Batch::from_wire(std::move(bytes));
  if (!spans) return std::unexpected(spans.error());
  message.hand_off.spans = std::move(*spans);
  return message;
}

std::string encode(const HandOffAnswer& answer) {
  otlp::WireWriter writer;
  writer.varint(answer_field::kOutcome, static_cast<std::uint64_t>(answer.outcome));
  writer.bytes(answer_field::kMessage, answer.message);
  return writer.finish();
}

Result<HandOffAnswer> decode_answer(std::string_view bytes) {
  HandOffAnswer answer;
  std::uint64_t outcome = 0;
  WireReader reader(bytes);
  WireField field;
  while (reader.next(field)) {
    if (field.number == answer_field::kOutcome) outcome = field.value;
    if (field.is_bytes(answer_field::kMessage)) answer.message = field.bytes.substr(0, kMaxText);
  }
  if (reader.error() != otlp::WireError::kNone) return permanent(to_text(reader.error()));
  if (outcome < 1 || outcome > 4) return permanent("an answer of an unknown kind");
  answer.outcome = static_cast<HandOffAnswer::Outcome>(outcome);
  return answer;
}

}  // namespace kernspan::replicas
