// Recorded kernel events through the real tracer, compared with golden spans: no kernel needed.
//
// tests/vectors/replay/NAME.events is a recording (agent/probes/recording.h), NAME.golden the spans as text.
// tests/vectors/replay/record.py makes recordings; KERNSPAN_UPDATE_GOLDEN=1 writes golden files anew.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "agent/probes/recording.h"
#include "agent/receiver/record_dispatch.h"
#include "agent/receiver/tracer.h"
#include "pipeline/otlp/json_reader.h"
#include "pipeline/otlp/json_writer.h"

namespace kernspan {
namespace {

namespace fs = std::filesystem;
using otlp::SpanRecord;

const fs::path kVectors = fs::path(KERNSPAN_SOURCE_DIR) / "tests/vectors/replay";

// The time of a replay is that of its latest record.
class ReplayClock final : public probes::RecordSink {
 public:
  explicit ReplayClock(probes::RecordSink& next) : next_(next) {}
  void on_record(std::string_view record) override {
    ks_event_header header;
    if (record.size() >= sizeof header) {
      std::memcpy(&header, record.data(), sizeof header);
      now_ns = std::max<std::uint64_t>(now_ns, header.ts_ns);
    }
    next_.on_record(record);
  }
  std::uint64_t now_ns = 0;

 private:
  probes::RecordSink& next_;
};

std::vector<SpanRecord> replay(const fs::path& recording, std::size_t records_per_drain) {
  auto source = probes::Replay::open(recording.string(), records_per_drain);
  EXPECT_TRUE(source.has_value()) << source.error().message;
  process::ProcessTable::Settings table;
  table.proc_root = "/nonexistent-proc";  // names come from the recorded exec events
  table.passwd_path = "/nonexistent-passwd";
  std::uint64_t now_ns = 0;
  process::ProcessTable processes(table, {}, [&] { return now_ns; });
  std::uint64_t next_id = 0;
  Tracer tracer({}, processes, {}, [&] { return ++next_id; }, [](std::uint32_t, bool) {});
  RecordDispatch dispatch(tracer);
  ReplayClock clock(dispatch);
  otlp::RequestEncoder encoder;
  while (!(*source)->is_done()) {
    (*source)->drain(clock);
    now_ns = clock.now_ns;
    tracer.flush(now_ns, 0, encoder);
  }
  tracer.finish(now_ns, encoder);
  EXPECT_EQ(tracer.held(), 0u);
  std::string json;
  otlp::append_json(encoder.take(), json);
  auto spans = otlp::parse_json_spans(json);
  EXPECT_TRUE(spans.has_value());
  return *spans;
}

std::string kind_name(int kind) {
  return kind == 2 ? "SERVER" : kind == 3 ? "CLIENT" : "?";
}

void write_span(const SpanRecord& span, std::uint64_t trace_start_ns, int depth,
                const std::multimap<std::string, const SpanRecord*>& children, std::ostream& out) {
  const std::string indent(2 * static_cast<std::size_t>(depth), ' ');
  out << indent << span.resource->service_name() << ' ' << kind_name(span.kind) << ' ' << span.name
      << " +" << span.start_time_unix_ns - trace_start_ns << " ns, "
      << span.end_time_unix_ns - span.start_time_unix_ns << " ns"
      << (span.status_code == 2 ? ", error" : "") << '\n';
  for (const auto& attribute : span.attributes) {
    out << indent << "    " << attribute.key << " = " << otlp::to_text(attribute.value) << '\n';
  }
  const auto [first, last] = children.equal_range(span.span_id.hex());
  std::vector<const SpanRecord*> below;
  for (auto at = first; at != last; ++at) below.push_back(at->second);
  std::ranges::sort(below, {}, [](const SpanRecord* s) { return s->start_time_unix_ns; });
  for (const SpanRecord* child : below)
    write_span(*child, trace_start_ns, depth + 1, children, out);
}

// Traces by start, as trees; ids are left out, they are random in life.
std::string golden_text(const std::vector<SpanRecord>& spans) {
  std::multimap<std::string, const SpanRecord*> children;
  std::map<std::string, const SpanRecord*> known;
  for (const SpanRecord& span : spans) known[span.span_id.hex()] = &span;
  std::vector<const SpanRecord*> roots;
  for (const SpanRecord& span : spans) {
    const std::string parent = span.parent_span_id.hex();
    if (known.contains(parent)) {
      EXPECT_EQ(known[parent]->trace_id, span.trace_id);
      children.emplace(parent, &span);
    } else {
      roots.push_back(&span);
    }
  }
  std::ranges::sort(roots, {}, [](const SpanRecord* s) { return s->start_time_unix_ns; });
  std::ostringstream out;
  for (const SpanRecord* root : roots) {
    write_span(*root, root->start_time_unix_ns, 0, children, out);
    out << '\n';
  }
  return out.str();
}

std::vector<std::string> recordings() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kVectors)) {
    if (entry.path().extension() == ".events") names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

class ReplayTest : public testing::TestWithParam<std::string> {};

TEST_P(ReplayTest, GivesItsGoldenSpans) {
  const std::string text = golden_text(replay(kVectors / (GetParam() + ".events"), 64));
  const fs::path golden = kVectors / (GetParam() + ".golden");
  if (std::getenv("KERNSPAN_UPDATE_GOLDEN") != nullptr) std::ofstream(golden) << text;
  std::ifstream in(golden);
  ASSERT_TRUE(in) << golden << " is missing";
  const std::string expected((std::istreambuf_iterator<char>(in)), {});
  EXPECT_EQ(text, expected);
}

TEST_P(ReplayTest, DoesNotDependOnHowTheRingIsDrained) {
  const fs::path recording = kVectors / (GetParam() + ".events");
  const std::string text = golden_text(replay(recording, 1));
  EXPECT_EQ(golden_text(replay(recording, 7)), text);
  EXPECT_EQ(golden_text(replay(recording, 100'000)), text);
}

INSTANTIATE_TEST_SUITE_P(Recordings, ReplayTest, testing::ValuesIn(recordings()));

}  // namespace
}  // namespace kernspan
