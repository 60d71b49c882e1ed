// Conditions and statements of any text, on any telemetry. Input: a byte that chooses condition or
// statement and the context, the text up to a NUL, and an export request; a request that is none is
// replaced by a fixed one.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "pipeline/otlp/batch.h"
#include "pipeline/ottl/condition.h"
#include "pipeline/ottl/edit_records.h"
#include "tests/bench/sample_spans.h"
#include "tests/fuzz/input.h"

namespace kernspan::ottl {
namespace {

void require(bool holds) {
  if (!holds) __builtin_trap();
}

class StoppedClock final : public Clock {
 public:
  std::uint64_t monotonic_ns() const override { return 1; }
  std::uint64_t wall_ns() const override { return 1'700'000'000'000'000'000; }
};

const StoppedClock kClock;

otlp::Batch telemetry_of(std::string_view bytes) {
  auto batch = otlp::Batch::from_wire(std::string(bytes));
  if (batch && !batch->empty()) return *std::move(batch);
  return sample_request(2);
}

// The same text on the same span yields the same, and an error has a message.
void run_condition(std::string_view text, Context context, const otlp::Batch& batch) {
  const auto condition = SpanCondition::compile(text, context, standard_functions(), kClock);
  if (!condition) return require(!condition.error().message.empty());
  const otlp::SpanIndex index(batch);
  for (std::size_t span = 0; span < index.size(); ++span) {
    const Result<bool> holds = condition->test(index, span);
    if (!holds) require(!holds.error().message.empty());
  }
}

// What is written is a well-formed request of the same spans, whatever failed on the way.
void run_statement(std::string_view text, Context context, otlp::Batch batch) {
  const auto statement = Statement::compile(text, context);
  if (!statement) return require(!statement.error().message.empty());
  const std::size_t spans = batch.item_count();
  const auto edited =
      edit_records(std::move(batch), context, kClock, [&](Evaluation& at) -> Result<bool> {
        const Result<bool> applied = statement->apply(at);
        if (!applied) require(!applied.error().message.empty());
        return true;
      });
  require(edited && edited->batch.item_count() == spans);
  const auto again = otlp::Batch::from_wire(edited->batch.joined());
  require(again && again->item_count() == spans);
}

}  // namespace
}  // namespace kernspan::ottl

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kernspan;
  FuzzInput input({reinterpret_cast<const char*>(data), size});
  const std::uint8_t choice = input.take_byte();
  const auto context = static_cast<ottl::Context>(choice / 2 % 4);
  const std::string_view rest = input.take(size);
  const std::size_t nul = std::min(rest.find('\0'), rest.size());
  const std::string_view text = rest.substr(0, nul);
  otlp::Batch batch = ottl::telemetry_of(rest.substr(std::min(nul + 1, rest.size())));
  if (choice % 2 == 0) {
    ottl::run_condition(text, context, batch);
  } else {
    ottl::run_statement(text, context, std::move(batch));
  }
  return 0;
}
