#include "tools/kernspan/traces/traces.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "pipeline/base/clock.h"
#include "pipeline/base/duration.h"
#include "tools/kernspan/traces/span_source.h"
#include "tools/kernspan/traces/terminal.h"
#include "tools/kernspan/traces/trace_feed.h"

namespace kernspan::tools {
namespace {

using namespace std::chrono_literals;

// About 300 MB of spans.
constexpr std::size_t kSpansMax = 500'000;
constexpr std::size_t kLastDefault = 10;
// A trace's spans leave the agent within its batch timeout and pass two more batches; then silence
// means that it is over.
constexpr std::chrono::nanoseconds kQuietTime = 2s;
constexpr std::chrono::milliseconds kPollInterval = 200ms;

struct Options {
  std::string source;
  bool follow = false;
  std::optional<std::size_t> last;
  std::string min_duration;
  TraceFilter filter;
};

class TracesCommand {
 public:
  TracesCommand(const Options& options, const Clock& clock)
      : options_(options),
        clock_(clock),
        style_(standard_output_style()),
        source_(options.source),
        feed_(options.filter, kSpansMax) {}

  int run() {
    if (const Status opened = source_.open(); !opened) return fail(opened.error());
    // Only new traces are followed, unless old ones are asked for.
    if (options_.follow && !options_.last) source_.skip_to_end();
    while (true) {
      const auto state = read();
      if (!state) return fail(state.error());
      if (*state == SpanSource::State::kEnded) break;
      if (!options_.follow) {
        if (*state == SpanSource::State::kCaughtUp) break;
        continue;
      }
      show_quiet();
      if (*state == SpanSource::State::kCaughtUp) std::this_thread::sleep_for(kPollInterval);
      if (source_.reopen_if_replaced()) feed_.restart();
    }
    feed_.finish(clock_.monotonic_ns());
    return show_rest();
  }

 private:
  Result<SpanSource::State> read() {
    const std::uint64_t now_ns = clock_.monotonic_ns();
    return source_.read([&](std::string_view bytes) { feed_.feed(bytes, now_ns); }, kPollInterval);
  }

  static int fail(const Error& error) {
    fmt::print(stderr, "kernspan traces: {}\n", error.message);
    return 1;
  }

  void show(std::vector<Trace> traces, std::size_t last) {
    std::erase_if(traces, [this](const Trace& trace) { return !options_.filter.accepts(trace); });
    std::ranges::sort(traces, {}, [](const Trace& trace) { return trace.start_ns(); });
    const std::size_t first = traces.size() > last ? traces.size() - last : 0;
    found_ += traces.size();
    for (std::size_t i = first; i < traces.size(); ++i) {
      fmt::print("{}{}", shown_++ == 0 ? "" : "\n", draw_waterfall(traces[i], style_));
    }
    std::fflush(stdout);
  }

  void show_quiet() {
    const std::uint64_t now_ns = clock_.monotonic_ns();
    const auto quiet_ns = static_cast<std::uint64_t>(kQuietTime.count());
    std::vector<Trace> quiet = feed_.store().take_quiet(now_ns - std::min(now_ns, quiet_ns));
    if (quiet.empty()) return;
    // The first ones are the file's old traces, all read at the same moment.
    show(std::move(quiet),
         std::exchange(old_shown_, true) ? kSpansMax : options_.last.value_or(kSpansMax));
  }

  int show_rest() {
    const bool wants_one = !options_.filter.trace_id_prefix.empty();
    show(feed_.store().take_all(), options_.last.value_or(wants_one ? kSpansMax : kLastDefault));
    fmt::print(stderr, "{}", feed_.losses());
    if (shown_ == 0) {
      fmt::print(stderr, "kernspan traces: no trace found in {}\n", options_.source);
      return 1;
    }
    if (shown_ < found_) {
      fmt::print(stderr, "the last {} of {} traces; --last N shows more\n", shown_, found_);
    }
    return 0;
  }

  const Options& options_;
  const Clock& clock_;
  const WaterfallStyle style_;
  SpanSource source_;
  TraceFeed feed_;
  std::size_t shown_ = 0;
  std::size_t found_ = 0;
  bool old_shown_ = false;
};

int run(Options& options) {
  if (!options.min_duration.empty()) {
    const auto duration = parse_duration(options.min_duration);
    if (!duration || duration->count() < 0) {
      fmt::print(stderr,
                 "kernspan traces: --min-duration {}: not a duration; write it as 250ms or 1.5s\n",
                 options.min_duration);
      return 1;
    }
    options.filter.min_duration = *duration;
  }
  std::ranges::transform(options.filter.trace_id_prefix, options.filter.trace_id_prefix.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const SystemClock clock;
  return TracesCommand(options, clock).run();
}

}  // namespace

std::function<int()> declare_traces(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("SOURCE", options->source, "The file exporter's output; - for the standard input")
      ->required();
  app.add_flag("-f,--follow", options->follow, "Show new traces as they come, until interrupted");
  app.add_option("--trace", options->filter.trace_id_prefix,
                 "This trace: its id, or how it begins");
  app.add_option("-n,--last", options->last,
                 "The last N traces (default 10; with --follow none but the new ones)");
  app.add_option("--min-duration", options->min_duration,
                 "Traces that took at least as long: 250ms");
  app.add_option("--service", options->filter.service, "Traces with a span of this service");
  app.add_flag("--errors", options->filter.errors_only, "Traces with a span that failed");
  return [options] { return run(*options); };
}

}  // namespace kernspan::tools
