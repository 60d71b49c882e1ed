#pragma once

#include <cstddef>
#include <vector>

#include "gateway/stitch/announcement.h"
#include "pipeline/otlp/batch.h"

namespace kernspan::stitch {

// What of a batch concerns stitching, and what does not.
struct Intake {
  otlp::Batch plain;    // goes on as it is
  otlp::Batch derived;  // spans of derived traces. Never keeps a much larger request in memory
  std::vector<Announcement> announcements;
  std::size_t malformed = 0;    // announcements of something that is no trace id
  std::size_t handed_over = 0;  // spans that were announcements: they are in no batch any more
};

// `from_peer`: whether spans may be announcements of another replica. Announcements are taken off
// the plain spans unless `keep_announcements`.
Intake sort_out(otlp::Batch batch, bool from_peer, bool keep_announcements);

}  // namespace kernspan::stitch
