#include "pipeline/extensions/pprof/pprof.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <memory>
#include <mutex>
#include <sstream>
#include <utility>

#include "pipeline/base/http_server.h"
#include "pipeline/base/log.h"
#include "pipeline/component/config_reader.h"
#include "pipeline/extensions/pprof/cpu_profiler.h"
#include "pipeline/extensions/pprof/heap_sampler.h"
#include "pipeline/extensions/pprof/profile_writer.h"
#include "pipeline/extensions/pprof/symbols.h"

namespace kernspan {
namespace {

constexpr int kDefaultSeconds = 30;  // as Go's
constexpr int kMostSeconds = 300;

constexpr const char* kIndex =
    "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>/debug/pprof/</title></head><body>\n"
    "<a href=\"/debug/pprof/profile?seconds=10\">profile</a>: CPU time of 10 seconds, for go tool "
    "pprof<br>\n<a href=\"/debug/pprof/cmdline\">cmdline</a>: the command line<br>\n"
    "<a href=\"/debug/pprof/heap\">heap</a>: who holds the memory that was allocated since the "
    "start<br>\n"
    "allocs, goroutine, block, mutex, threadcreate, trace: not available, each says why\n"
    "</body></html>\n";

HttpResponse not_available(const char* why) {
  return {.status = 501, .body = std::string(why) + "\n"};
}

HttpResponse allocs() {
  return not_available(
      "only memory that is in use is known, not what was freed again: ask for /debug/pprof/heap");
}

std::string text_of(const char* file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return std::move(text).str();
}

HttpResponse heap(const Clock& clock) {
  if (!can_sample_heap()) {
    return not_available("there is no heap profile: this build's malloc is a sanitizer's");
  }
  if (const std::uint64_t lost = lost_heap_samples(); lost != 0) {
    KERNSPAN_LOG_LIMITED(kWarn, "pprof: the heap profile lacks {} samples: its table was full",
                         lost);
  }
  const Symbols symbols;
  return {
      .content_type = "application/octet-stream",
      .body = write_heap_profile(
          heap_samples(), parse_code_mappings(text_of("/proc/self/maps")),
          [&symbols](std::uint64_t address) { return symbols.name_of(address); }, clock.wall_ns())};
}

HttpResponse of_go_only() {
  return not_available("this is a profile of Go's run time, and this program is not written in Go");
}

// start() and stop() from one thread; requests from the server's.
class Pprof final : public Extension {
 public:
  Pprof(std::string endpoint, const Clock& clock) : endpoint_(std::move(endpoint)), clock_(clock) {}
  ~Pprof() override { stop({}); }

  Status start() override {
    start_heap_sampling();
    std::map<std::string, HttpServer::Handler> handlers = {
        {"/debug/pprof/",
         [] { return HttpResponse{.content_type = "text/html; charset=utf-8", .body = kIndex}; }},
        {"/debug/pprof/profile", [this](const HttpQuery& request) { return profile(request); }},
        {"/debug/pprof/cmdline", [] { return cmdline(); }},
        {"/debug/pprof/heap", [this] { return heap(clock_); }},
        {"/debug/pprof/allocs", allocs}};
    for (const char* name : {"goroutine", "block", "mutex", "threadcreate", "trace"}) {
      handlers.emplace(fmt::format("/debug/pprof/{}", name), of_go_only);
    }
    Result<std::unique_ptr<HttpServer>> server = HttpServer::listen(endpoint_, std::move(handlers));
    if (!server) return std::unexpected(server.error());
    server_ = *std::move(server);
    return {};
  }

  // Ends a profile that is being taken.
  void stop(std::chrono::steady_clock::time_point) override {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
      changed_.notify_all();
    }
    server_.reset();
  }

 private:
  HttpResponse profile(const HttpQuery& request) {
    int seconds = kDefaultSeconds;
    if (const std::optional<std::string_view> text = query_value(request.query, "seconds")) {
      const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
      if (error != std::errc() || end != text->data() + text->size() || seconds < 1 ||
          seconds > kMostSeconds) {
        return {.status = 400, .body = fmt::format("seconds must be 1 to {}\n", kMostSeconds)};
      }
    }
    const std::uint64_t begin_ns = clock_.monotonic_ns();
    const Result<SampledStacks> stacks = sample_cpu([this, seconds] {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, std::chrono::seconds(seconds), [this] { return stopping_; });
    });
    if (!stacks) return {.status = 503, .body = stacks.error().message + "\n"};
    const Symbols symbols;
    return {.content_type = "application/octet-stream",
            .body = write_cpu_profile(
                *stacks, [&symbols](std::uint64_t address) { return symbols.name_of(address); },
                clock_.wall_ns(),
                std::chrono::nanoseconds(
                    static_cast<std::chrono::nanoseconds::rep>(clock_.monotonic_ns() - begin_ns)))};
  }

  // Arguments with a zero byte between two, as Go's.
  static HttpResponse cmdline() {
    std::string body = text_of("/proc/self/cmdline");
    if (body.ends_with('\0')) body.pop_back();
    return {.body = std::move(body)};
  }

  const std::string endpoint_;
  const Clock& clock_;
  std::mutex mutex_;  // guards stopping_
  std::condition_variable changed_;
  bool stopping_ = false;
  std::unique_ptr<HttpServer> server_;
};

Result<std::unique_ptr<Extension>> create(const ConfigNode& node, const ComponentContext& context) {
  std::string endpoint = "localhost:1777";
  ConfigReader reader(node, context.warnings, context.path);
  reader.endpoint("endpoint", &endpoint);
  for (const char* key : {"block_profile_fraction", "mutex_profile_fraction"}) {
    reader.ignored(key, "it belongs to Go's run time");
  }
  reader.ignored("save_to_file", "profiles are taken when /debug/pprof/profile is asked");
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return std::make_unique<Pprof>(std::move(endpoint), context.clock);
}

}  // namespace

ExtensionFactory pprof_extension_factory() {
  return {.type = "pprof", .create = create};
}

}  // namespace kernspan
