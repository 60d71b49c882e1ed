#include "gateway/stitch/stitch_settings.h"

namespace kernspan::stitch {

void read_stitch_settings(ConfigReader& reader, StitchSettings* settings) {
  using std::chrono::hours;
  using std::chrono::milliseconds;
  constexpr std::size_t kMaxEntries = 100'000'000;
  reader.duration("wait", &settings->wait, milliseconds(1), hours(1));
  reader.duration("announcement_wait", &settings->announcement_wait, milliseconds(1), hours(1));
  reader.integer<std::size_t>("max_waiting_traces", &settings->max_waiting_traces, 1, kMaxEntries);
  reader.bytes("max_waiting_bytes", &settings->max_waiting_bytes, 1);
  reader.integer<std::size_t>("max_announcements", &settings->max_announcements, 1, kMaxEntries);
  reader.integer<std::size_t>("max_remembered_traces", &settings->max_remembered_traces, 1,
                              kMaxEntries);
  reader.boolean("keep_announcements", &settings->keep_announcements);
  reader.section("clock_skew")
      .choice("action", &settings->skew_action,
              {{"mark", SkewAction::kMark},
               {"correct", SkewAction::kCorrect},
               {"none", SkewAction::kNone}});
  ConfigReader& deduplicate = reader.section("deduplicate");
  deduplicate.boolean("enabled", &settings->deduplicate.enabled);
  deduplicate.duration("window", &settings->deduplicate.window, milliseconds(1), hours(1));
  deduplicate.integer<std::size_t>("max_spans", &settings->deduplicate.max_spans, 2, kMaxEntries);
}

}  // namespace kernspan::stitch
