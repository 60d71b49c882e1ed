#include "pipeline/exporters/sender/splitting_transport.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "pipeline/otlp/split.h"

namespace kernspan {

// What is left of one batch.
struct SplittingTransport::Sending {
  std::deque<otlp::Batch> pieces;  // the first one is under way
  std::chrono::nanoseconds timeout;
  Done done;
  SendOutcome total;  // of the pieces that are settled
  bool any_settled = false;
};

namespace {

void add_settled(SendOutcome& total, const SendOutcome& piece) {
  total.rejected_spans += piece.rejected_spans;
  total.too_large_items += piece.too_large_items;
  total.permanent_items += piece.permanent_items;
  if (!piece.message.empty()) total.message = piece.message;
}

}  // namespace

SplittingTransport::SplittingTransport(std::unique_ptr<Transport> transport, RequestLimits limits)
    : transport_(std::move(transport)), limits_(limits) {}

bool SplittingTransport::fits(const otlp::Batch& batch) const {
  return (limits_.max_bytes == 0 || batch.byte_count() <= limits_.max_bytes) &&
         (limits_.max_items == 0 || batch.item_count() <= limits_.max_items);
}

std::vector<otlp::Batch> SplittingTransport::pieces_of(const otlp::Batch& batch) const {
  std::vector<otlp::Batch> pieces;
  if (limits_.max_items != 0) {
    pieces = otlp::split(batch.clone(), limits_.max_items);
  } else {
    pieces.push_back(batch.clone());
  }
  if (limits_.max_bytes == 0) return pieces;
  std::vector<otlp::Batch> small;
  for (otlp::Batch& piece : pieces) {
    // One that is too large even alone is sent all the same: the peer may take more than we think.
    auto parts = otlp::split_by_bytes(std::move(piece), limits_.max_bytes);
    std::ranges::move(parts.batches, std::back_inserter(small));
  }
  return small;
}

void SplittingTransport::send(const otlp::Batch& batch, std::chrono::nanoseconds timeout,
                              Done done) {
  auto sending = std::make_unique<Sending>();
  sending->timeout = timeout;
  sending->done = std::move(done);
  if (fits(batch)) {
    sending->pieces.push_back(batch.clone());
  } else {
    std::ranges::move(pieces_of(batch), std::back_inserter(sending->pieces));
  }
  send_pieces(std::move(sending));
}

void SplittingTransport::send_pieces(std::unique_ptr<Sending> sending) {
  Sending* borrowed = sending.release();  // the callback, called exactly once, takes it over again
  transport_->send(borrowed->pieces.front(), borrowed->timeout, [this, borrowed](SendOutcome out) {
    on_piece_done(std::unique_ptr<Sending>(borrowed), std::move(out));
  });
  // It may have begun while cancel_all() was looking elsewhere.
  if (cancelled_) transport_->cancel_all();
}

void SplittingTransport::on_piece_done(std::unique_ptr<Sending> sending, SendOutcome outcome) {
  using Kind = SendOutcome::Kind;
  std::deque<otlp::Batch>& pieces = sending->pieces;
  if (outcome.kind == Kind::kTooLarge) {
    const std::size_t items = pieces.front().item_count();
    auto halves = otlp::split(std::move(pieces.front()), std::max<std::size_t>(1, (items + 1) / 2));
    pieces.pop_front();
    if (halves.size() > 1) {
      pieces.insert(pieces.begin(), std::make_move_iterator(halves.begin()),
                    std::make_move_iterator(halves.end()));
    } else {
      sending->total.too_large_items += items;
      sending->total.message = outcome.message;
      sending->any_settled = true;
    }
  } else if (outcome.kind == Kind::kSent) {
    add_settled(sending->total, outcome);
    sending->any_settled = true;
    pieces.pop_front();
  } else if (outcome.rest != nullptr) {
    // The transport below has sent it in parts, too.
    add_settled(sending->total, outcome);
    sending->any_settled = true;
    pieces.front() = std::move(*outcome.rest);
  }
  const bool failed = outcome.kind == Kind::kRetryable || outcome.kind == Kind::kPermanent;
  if (!failed && !pieces.empty() && !cancelled_) {
    send_pieces(std::move(sending));
    return;
  }
  SendOutcome total = std::move(sending->total);
  if (!pieces.empty()) {
    total.kind = failed ? outcome.kind : Kind::kRetryable;
    total.message = failed ? outcome.message : "cancelled between two parts of a batch";
    total.asked_delay = outcome.asked_delay;
    if (sending->any_settled) {
      total.rest = std::make_shared<otlp::Batch>();
      for (otlp::Batch& piece : pieces) total.rest->append(std::move(piece));
    }
  }
  const Done done = std::move(sending->done);
  sending.reset();
  done(std::move(total));
}

void SplittingTransport::cancel_all() {
  cancelled_ = true;
  transport_->cancel_all();
}

}  // namespace kernspan
