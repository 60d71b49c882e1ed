#include "gateway/stitch/stitch_counters.h"

namespace kernspan::stitch {
namespace {

constexpr const char* kTraces = "kernspan_stitch_traces";
constexpr const char* kTracesHelp = "Derived traces by what became of them.";
constexpr const char* kSpans = "kernspan_stitch_spans";
constexpr const char* kSpansHelp = "Spans of derived traces that went on, by how.";
constexpr const char* kAnnouncements = "kernspan_stitch_announcements";
constexpr const char* kAnnouncementsHelp =
    "Announcements of derived traces by what became of them.";

Counter& by_outcome(Metrics& metrics, const char* name, const char* help, MetricLabels labels,
                    const char* outcome) {
  labels["outcome"] = outcome;
  return metrics.counter(name, help, std::move(labels));
}

}  // namespace

StitchCounters::StitchCounters(Metrics& metrics, const MetricLabels& labels)
    : traces_joined(by_outcome(metrics, kTraces, kTracesHelp, labels, "joined")),
      traces_released_timeout(
          by_outcome(metrics, kTraces, kTracesHelp, labels, "released_timeout")),
      traces_released_pressure(
          by_outcome(metrics, kTraces, kTracesHelp, labels, "released_pressure")),
      traces_released_shutdown(
          by_outcome(metrics, kTraces, kTracesHelp, labels, "released_shutdown")),
      spans_joined(by_outcome(metrics, kSpans, kSpansHelp, labels, "joined")),
      spans_released(by_outcome(metrics, kSpans, kSpansHelp, labels, "released")),
      spans_handed_over(by_outcome(metrics, kSpans, kSpansHelp, labels, "handed_over")),
      late_spans(metrics.counter("kernspan_stitch_late_spans",
                                 "Spans that came when their trace had gone on.", labels)),
      announcements_received(metrics.counter("kernspan_stitch_announcements_received",
                                             "Announcements of derived traces that came in.",
                                             labels)),
      announcements_matched(
          by_outcome(metrics, kAnnouncements, kAnnouncementsHelp, labels, "matched")),
      announcements_repeated(
          by_outcome(metrics, kAnnouncements, kAnnouncementsHelp, labels, "repeated")),
      announcements_conflicting(
          by_outcome(metrics, kAnnouncements, kAnnouncementsHelp, labels, "conflicting")),
      announcements_late(by_outcome(metrics, kAnnouncements, kAnnouncementsHelp, labels, "late")),
      announcements_cyclic(
          by_outcome(metrics, kAnnouncements, kAnnouncementsHelp, labels, "cyclic")),
      announcements_expired(
          by_outcome(metrics, kAnnouncements, kAnnouncementsHelp, labels, "expired")),
      announcements_evicted(
          by_outcome(metrics, kAnnouncements, kAnnouncementsHelp, labels, "evicted")),
      announcements_handed_over(
          by_outcome(metrics, kAnnouncements, kAnnouncementsHelp, labels, "handed_over")),
      announcements_malformed(
          by_outcome(metrics, kAnnouncements, kAnnouncementsHelp, labels, "malformed")),
      too_deep(metrics.counter("kernspan_stitch_too_deep",
                               "Chains of derived traces that were cut for their length.", labels)),
      clock_exchanges(metrics.counter("kernspan_stitch_clock_exchanges",
                                      "Exchanges that clock offsets were learned from.", labels)),
      outside_parent(metrics.counter("kernspan_stitch_outside_parent",
                                     "Server spans whose times are not inside of their client's.",
                                     labels)),
      corrected_spans(metrics.counter("kernspan_stitch_corrected_spans",
                                      "Spans that were shifted to their caller's clock.", labels)),
      duplicates(metrics.counter("kernspan_stitch_duplicate_spans",
                                 "Spans that were left out because they had gone on before.",
                                 labels)),
      offers_refused(metrics.counter(
          "kernspan_stitch_offers_refused",
          "Times that the next component refused spans, which were kept.", labels)) {}

}  // namespace kernspan::stitch
