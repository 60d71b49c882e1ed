#include "agent/select/selectors.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>

namespace kernspan {
namespace {

bool fits(const std::string& pattern, std::string_view text) {
  return fnmatch(pattern.c_str(), std::string(text).c_str(), 0) == 0;
}

// No patterns: nothing is asked for.
bool fits_one(const std::vector<std::string>& patterns, std::string_view text) {
  return patterns.empty() || std::ranges::any_of(patterns, [&](const std::string& pattern) {
           return fits(pattern, text);
         });
}

bool fits_executable(const std::vector<std::string>& patterns, const SelectorSubject& subject) {
  return patterns.empty() || std::ranges::any_of(patterns, [&](const std::string& pattern) {
           const bool is_path = pattern.find('/') != std::string::npos;
           return fits(pattern, is_path ? subject.executable_path : subject.executable_name);
         });
}

const std::string* value_of(const kube::Pairs& pairs, std::string_view key) {
  const auto found = std::ranges::find(pairs, key, &std::pair<std::string, std::string>::first);
  return found == pairs.end() ? nullptr : &found->second;
}

bool fits_all(const std::vector<std::pair<std::string, std::string>>& wanted,
              const kube::Pairs& pairs) {
  return std::ranges::all_of(wanted, [&](const auto& entry) {
    const std::string* value = value_of(pairs, entry.first);
    return value && fits(entry.second, *value);
  });
}

bool fits_owner(const std::vector<std::string>& patterns, const kube::Pod& pod) {
  if (patterns.empty()) return true;
  for (const kube::Owner& owner : {pod.top_owner, pod.owner}) {
    if (owner.kind.empty()) continue;
    const std::string with_kind = owner.kind + "/" + owner.name;
    const auto fits_it = [&](const std::string& pattern) {
      return fits(pattern, pattern.find('/') == std::string::npos ? owner.name : with_kind);
    };
    if (std::ranges::any_of(patterns, fits_it)) return true;
  }
  return false;
}

bool fits_image(const std::vector<std::string>& patterns, const kube::Container& container) {
  if (patterns.empty() || fits_one(patterns, container.image_name)) return true;
  return std::ranges::any_of(container.image_tags, [&](const std::string& tag) {
    return fits_one(patterns, container.image_name + ":" + tag);
  });
}

bool fits_pod(const SelectorMatch& match, const SelectorSubject& subject) {
  if (!subject.pod) return false;
  const kube::Pod& pod = *subject.pod;
  const bool asks_for_container = !match.containers.empty() || !match.images.empty();
  if (asks_for_container && !subject.pod_container) return false;
  if (asks_for_container && (!fits_one(match.containers, subject.pod_container->name) ||
                             !fits_image(match.images, *subject.pod_container))) {
    return false;
  }
  const bool is_deployment = pod.top_owner.kind == "Deployment";
  const std::string_view deployment = is_deployment ? pod.top_owner.name : std::string_view();
  if (!match.deployments.empty() && deployment.empty()) return false;
  return fits_one(match.namespaces, pod.namespace_name) && fits_one(match.pods, pod.name) &&
         fits_one(match.deployments, deployment) && fits_owner(match.owners, pod) &&
         fits_all(match.labels, pod.labels) && fits_all(match.annotations, pod.annotations);
}

bool fits_port(const SelectorMatch& match, std::uint16_t port) {
  return match.ports.empty() ||
         std::ranges::any_of(match.ports, [port](const SelectorMatch::Ports& range) {
           return port >= range.first && port <= range.last;
         });
}

// A pod's process by its cgroup, whether or not the pod is known.
bool is_in_pod(const SelectorSubject& subject) {
  return subject.pod || !subject.container.pod_uid.empty();
}

void add_names(const HeaderNames& names, std::vector<std::string>& all) {
  all.insert(all.end(), names.names().begin(), names.names().end());
}

}  // namespace

bool SelectorMatch::asks_for_pod() const {
  return std::ranges::any_of(
             std::array{&namespaces, &pods, &deployments, &owners, &containers, &images},
             [](const std::vector<std::string>* list) { return !list->empty(); }) ||
         !labels.empty() || !annotations.empty();
}

const SelectorRule& Selection::rule_for(std::uint16_t server_port) const {
  const auto found = std::ranges::find_if(
      candidates_, [&](const SelectorRule* rule) { return fits_port(rule->match, server_port); });
  return found == candidates_.end() ? *candidates_.back() : **found;
}

bool Selection::ignores_all() const {
  return !is_pending_ && !is_forced_ &&
         std::ranges::all_of(candidates_, [](const SelectorRule* rule) {
           return rule->action == SelectorAction::kIgnore;
         });
}

Selectors::Selectors(SpanOptions defaults, std::vector<SelectorRule> rules)
    : rules_(std::move(rules)) {
  default_.name = "default";
  default_.spans = std::move(defaults);
  ignored_by_annotation_.name = "annotation";
  ignored_by_annotation_.action = SelectorAction::kIgnore;
  std::vector<std::string> request;
  std::vector<std::string> response;
  add_names(default_.spans.request_headers, request);
  add_names(default_.spans.response_headers, response);
  for (const SelectorRule& rule : rules_) {
    add_names(rule.spans.request_headers, request);
    add_names(rule.spans.response_headers, response);
  }
  headers_ = {.request = HeaderNames(request), .response = HeaderNames(response)};
}

Selection Selectors::select(const SelectorSubject& subject) const {
  Selection selection;
  // Its annotation may say anything.
  selection.is_pending_ = subject.is_pod_pending;
  if (subject.pod) {
    const std::string* word = value_of(subject.pod->annotations, kTraceAnnotation);
    if (word && *word == "false") {
      selection.candidates_ = {&ignored_by_annotation_};
      return selection;
    }
    selection.is_forced_ = word && *word == "true";
  }
  for (const SelectorRule& rule : rules_) {
    const SelectorMatch& match = rule.match;
    if (!fits_executable(match.executables, subject)) continue;
    if (match.in_pod && *match.in_pod != is_in_pod(subject)) continue;
    if (match.asks_for_pod() && !fits_pod(match, subject)) continue;
    selection.candidates_.push_back(&rule);
    if (match.ports.empty()) return selection;
  }
  selection.candidates_.push_back(&default_);
  return selection;
}

std::vector<std::string> Selectors::annotation_keys() const {
  std::vector<std::string> keys;
  for (const SelectorRule& rule : rules_) {
    for (const auto& [key, pattern] : rule.match.annotations) keys.push_back(key);
  }
  return keys;
}

}  // namespace kernspan
