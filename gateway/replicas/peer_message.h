// What replicas tell each other. Messages are protobuf's wire form; unknown fields are skipped.
//
//   Hello     { address = 1, instance = 2 (fixed64), state = 3, members = 4 (repeated), group = 5 }
//             and the same as its answer
//   HandOff   4 bytes little endian: the size of the envelope; the envelope; then the spans, an
//             ExportTraceServiceRequest, to the end of the message
//     envelope{ instance = 1 (fixed64), sequence = 2, channel = 3, hops = 4, age_ns = 5,
//               ages = 6 (trace id and 8 bytes of age, packed), decided = 7 (packed, 27 bytes each),
//               group = 8 }
//   Answer    { outcome = 1, message = 2 }, to a HandOff
//
// A hand-off has a number per sender that stays when it is sent again, so that what was taken
// already is not taken twice.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gateway/replicas/peer_transport.h"
#include "pipeline/base/error.h"
#include "pipeline/component/replica_ring.h"

namespace kernspan::replicas {

struct Hello {
  std::string address;         // where the sender wants to be called: its name in the ring
  std::uint64_t instance = 0;  // of the process: another one after a restart
  bool leaving = false;
  std::vector<std::string> members;  // whom the sender knows
  std::string group;  // replicas of different groups have nothing to do with each other

  bool operator==(const Hello&) const = default;
};

struct HandOffMessage {
  std::uint64_t instance = 0;
  std::uint64_t sequence = 0;
  std::string group;
  std::string channel;
  HandOff hand_off = {};
};

struct HandOffAnswer {
  enum class Outcome : std::uint8_t {
    kTaken = 1,
    kNotNow = 2,     // come again: full
    kNoChannel = 3,  // nobody there takes such hand-offs: not yet, not any more, or never
    kRefused = 4,    // the hand-off itself is not understood
  };
  Outcome outcome = Outcome::kTaken;
  std::string message;
};

std::string encode(const Hello& hello);
Result<Hello> decode_hello(const PeerBytes& bytes);

// The spans' slices are shared, not copied.
PeerBytes encode(const HandOffMessage& message);
// Checks everything, the spans included.
Result<HandOffMessage> decode_hand_off(PeerBytes bytes);

std::string encode(const HandOffAnswer& answer);
Result<HandOffAnswer> decode_answer(std::string_view bytes);

}  // namespace kernspan::replicas
