// Traces that call each other, and what an all-seeing join makes of them.
#pragma once

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/gateway/stitch/stitch_story.h"

namespace kernspan::stitch {

using Random = std::mt19937;

inline unsigned pick(Random& random, unsigned below) {
  return std::uniform_int_distribution<unsigned>(0, below - 1)(random);
}

// Traces that call each other, as all agents together would tell them.
struct World {
  std::vector<ToldSpan> spans;

  // Chains of up to 20 calls; of some traces the caller was never seen, unless `all_known`.
  explicit World(Random& random, bool all_known = false) {
    unsigned next_span = 1;
    struct Trace {
      unsigned number;
      bool derived;
      unsigned depth;
    };
    std::vector<Trace> traces;
    const unsigned count = 2 + pick(random, 28);
    const bool deep = pick(random, 2) == 0;
    for (unsigned i = 0; i < count; ++i) {
      const bool derived = i != 0 && pick(random, 8) != 0;
      Trace trace{.number = i + 1, .derived = derived, .depth = 0};
      if (derived && (all_known || pick(random, 10) != 0)) {
        const Trace& last = deep ? traces.back() : traces[pick(random, i)];
        const Trace& caller = last.depth < 20 ? last : traces.front();
        call(random, caller.number, trace.number);
        trace.depth = caller.depth + 1;
      }
      const unsigned root = next_span++;
      spans.push_back({.trace = trace.number, .span = root, .derived = derived});
      for (unsigned j = pick(random, 4); j != 0; --j) {
        spans.push_back({.trace = trace.number,
                         .span = next_span++,
                         .parent = root,
                         .derived = derived,
                         .links_itself = pick(random, 4) == 0});
      }
      traces.push_back(trace);
    }
  }

  // One of the caller's spans that calls nobody yet, or a new one.
  void call(Random& random, unsigned caller, unsigned callee) {
    std::vector<ToldSpan*> free;
    ToldSpan* any = nullptr;
    for (ToldSpan& span : spans) {
      if (span.trace != caller) continue;
      any = &span;
      if (span.calls == 0) free.push_back(&span);
    }
    if (!free.empty()) {
      free[pick(random, static_cast<unsigned>(free.size()))]->calls = callee;
      return;
    }
    ToldSpan another = *any;
    another.span = 10'000 + callee;
    another.parent = any->span;
    another.calls = callee;
    another.links_itself = false;
    spans.push_back(another);
  }

  std::vector<std::string> joined() const {
    std::map<unsigned, const ToldSpan*> callers;
    for (const ToldSpan& span : spans) {
      if (span.calls != 0) callers[span.calls] = &span;
    }
    std::vector<std::string> texts;
    for (const ToldSpan& told : spans) {
      ToldSpan span = told;
      bool wire = false;
      for (auto caller = callers.find(span.trace); caller != callers.end();
           caller = callers.find(span.trace)) {
        if (span.trace == told.trace && span.parent == 0) {
          span.parent = caller->second->span;
          wire = true;
        }
        span.trace = caller->second->trace;
        span.derived = caller->second->derived;
      }
      if (span.trace != told.trace || !span.derived) span.calls = 0;
      otlp::ReferenceRequest request = request_of({span});
      auto& result = *request.mutable_resource_spans(0)->mutable_scope_spans(0)->mutable_spans(0);
      if (wire) {
        auto& attribute = *result.add_attributes();
        attribute.set_key(std::string(kLinkEvidenceKey));
        attribute.mutable_value()->set_string_value("wire");
      }
      texts.push_back(text_of(result));
    }
    std::ranges::sort(texts);
    return texts;
  }

  // The spans in requests of one to five, in any order.
  std::vector<std::vector<ToldSpan>> shuffled(Random& random) const {
    std::vector<ToldSpan> rest = spans;
    std::ranges::shuffle(rest, random);
    std::vector<std::vector<ToldSpan>> requests;
    while (!rest.empty()) {
      const std::size_t size = std::min<std::size_t>(rest.size(), 1 + pick(random, 5));
      requests.emplace_back(rest.end() - static_cast<std::ptrdiff_t>(size), rest.end());
      rest.resize(rest.size() - size);
    }
    return requests;
  }
};

}  // namespace kernspan::stitch
