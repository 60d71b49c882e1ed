// Which programs are traced, and what of their requests is shown: a list of rules, of which the first
// that fits counts.
//
//   the pod's annotation kernspan.io/trace: "false" | "true"   before all rules
//   rules, in order                                            all criteria of a rule must hold
//   no rule fits                                               traced, with the receiver's options
//
// Some criteria are of the process and some of the connection (the server's port), so that for a
// process there may be several candidates (Selection), of which each exchange takes one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/conn/header_capture.h"
#include "agent/kube/container_ref.h"
#include "agent/kube/pod.h"
#include "agent/span/span_options.h"
#include "pipeline/processors/probabilistic_sampler/threshold.h"

namespace kernspan {

// Only this: what a pod's owner says must not show more of its requests than the rules allow.
inline constexpr std::string_view kTraceAnnotation = "kernspan.io/trace";

// Texts are patterns of the shell (fnmatch); of a list one must fit. What is empty is not asked for.
struct SelectorMatch {
  struct Ports {
    std::uint16_t first = 0;
    std::uint16_t last = 0;
  };

  std::vector<std::string> executables = {};  // names, or paths where the pattern has a '/'
  std::optional<bool> in_pod = {};
  std::vector<std::string> namespaces = {};
  std::vector<std::string> pods = {};
  std::vector<std::string> deployments = {};
  std::vector<std::string> owners = {};  // of any kind: "cart", "DaemonSet/fluent-*"
  std::vector<std::string> containers = {};
  std::vector<std::string> images = {};                               // without tag, or with one
  std::vector<std::pair<std::string, std::string>> labels = {};       // each must be there, and fit
  std::vector<std::pair<std::string, std::string>> annotations = {};  // each must be there, and fit
  // Of the server: the own one of a request that is served, the peer's of a call.
  std::vector<Ports> ports = {};

  bool asks_for_pod() const;
};

enum class SelectorAction : std::uint8_t { kTrace, kIgnore };

struct SelectorRule {
  std::string name = {};
  SelectorMatch match = {};
  SelectorAction action = SelectorAction::kTrace;
  // Of traces that begin in such a process; the others follow.
  Threshold sampling = Threshold::always();
  SpanOptions spans = {};
};

// What rules look at. Borrowed.
struct SelectorSubject {
  std::string_view executable_name;
  std::string_view executable_path;
  const kube::ContainerRef& container;
  const kube::Pod* pod = nullptr;  // null: there is none, or it is not known
  const kube::Container* pod_container = nullptr;
  // The pod may yet become known: nothing is decided that depends on it.
  bool is_pod_pending = false;
};

// What the rules say of one process. Valid as long as its Selectors.
class Selection {
 public:
  // The rule for an exchange with this server port.
  const SelectorRule& rule_for(std::uint16_t server_port) const;
  bool traces(std::uint16_t server_port) const {
    return is_forced_ || rule_for(server_port).action == SelectorAction::kTrace;
  }
  // Nothing of the process is to be traced, whatever the port.
  bool ignores_all() const;
  // It may change when the pod is known.
  bool is_pending() const { return is_pending_; }

 private:
  friend class Selectors;

  std::vector<const SelectorRule*> candidates_;  // the last one asks for no port
  bool is_pending_ = false;
  bool is_forced_ = false;  // the annotation says "true"
};

// Immutable: new rules are another object.
class Selectors {
 public:
  // `defaults`: what spans show where no rule fits.
  Selectors(SpanOptions defaults, std::vector<SelectorRule> rules);
  Selectors(const Selectors&) = delete;
  Selectors& operator=(const Selectors&) = delete;

  Selection select(const SelectorSubject& subject) const;

  // What any rule, or the default, shows: what connections have to capture.
  const HeaderCapture& headers() const { return headers_; }
  // The same; null where that is nothing: connections then look no further.
  const HeaderCapture* captured() const { return headers_.empty() ? nullptr : &headers_; }
  // Annotations that the rules ask for: the pod directory must keep them.
  std::vector<std::string> annotation_keys() const;
  const std::vector<SelectorRule>& rules() const { return rules_; }
  const SpanOptions& default_options() const { return default_.spans; }

 private:
  std::vector<SelectorRule> rules_;
  SelectorRule default_;
  SelectorRule ignored_by_annotation_;
  HeaderCapture headers_;
};

}  // namespace kernspan
