#pragma once

namespace kernspan {

// How a parser left its input.
enum class ParseOutcome {
  kFrame,     // one message unit was consumed and reported; there may be more input
  kNeedMore,  // all input was consumed; the unit in progress waits for more
  kSkip,      // input was consumed without a report (resynchronising, or body that nobody reads)
  kInvalid,   // the input is not this protocol; the parser is waiting for the next message start
  kHandOff,   // the connection now speaks another protocol; nothing further is parsed
};

}  // namespace kernspan
