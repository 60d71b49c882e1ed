#pragma once

#include <utility>

#include "pipeline/base/ledger.h"
#include "pipeline/component/consumer.h"

namespace kernspan {

// What a component that holds nothing does with a batch: it has taken what the next consumer took.
inline Status hand_on(Consumer& next, StageBooks& books, otlp::Batch batch) {
  const std::size_t items = batch.item_count();
  Status taken = next.consume(std::move(batch));
  if (!taken) {
    books.refuse(items);
    return taken;
  }
  books.take(items);
  books.pass_on(items);
  return {};
}

}  // namespace kernspan
