#include "pipeline/processors/tail_sampling/policies/policy_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace kernspan::sampling {

struct PolicyReader::Type {
  std::string_view name;
  Options (PolicyReader::*read)(ConfigReader& settings);
  bool has_settings = true;  // a section of the type's name

  static const Type* find(std::string_view name);
  static const std::array<Type, 17> kAll;
};

constexpr std::array<PolicyReader::Type, 17> PolicyReader::Type::kAll = {{
    {"always_sample", &PolicyReader::read_always_sample, false},
    {"latency", &PolicyReader::read_latency},
    {"numeric_attribute", &PolicyReader::read_numeric_attribute},
    {"probabilistic", &PolicyReader::read_probabilistic},
    {"status_code", &PolicyReader::read_status_code},
    {"string_attribute", &PolicyReader::read_string_attribute},
    {"boolean_attribute", &PolicyReader::read_boolean_attribute},
    {"rate_limiting", &PolicyReader::read_rate_limiting},
    {"bytes_limiting", &PolicyReader::read_bytes_limiting},
    {"span_count", &PolicyReader::read_span_count},
    {"trace_state", &PolicyReader::read_trace_state},
    {"trace_flags", &PolicyReader::read_trace_flags, false},
    {"ottl_condition", &PolicyReader::read_ottl_condition},
    {"and", &PolicyReader::read_and},
    {"not", &PolicyReader::read_not},
    {"drop", &PolicyReader::read_drop},
    {"composite", &PolicyReader::read_composite},
}};

const PolicyReader::Type* PolicyReader::Type::find(std::string_view name) {
  const auto found = std::ranges::find(kAll, name, &Type::name);
  return found == kAll.end() ? nullptr : &*found;
}

std::vector<PolicySettings> PolicyReader::read_all(ConfigReader& processor) {
  std::vector<PolicySettings> policies;
  processor.require("policies", "list at least one policy; without any, no trace is sampled");
  const std::vector<ConfigReader*> readers = processor.sections("policies");
  if (processor.has("policies") && readers.empty()) {
    processor.error("policies", "list at least one policy; without any, no trace is sampled");
  }
  std::set<std::string> names;
  for (ConfigReader* reader : readers) {
    policies.push_back(read(*reader, Place::kTop));
    const std::string& name = policies.back().name;
    if (name.empty()) {
      reader->error("name", "policy name cannot be empty");
    } else if (!names.insert(name).second) {
      reader->error("name", fmt::format("duplicate policy name \"{}\"", name));
    }
  }
  // As upstream: what drops is asked first.
  std::vector<PolicySettings> in_order;
  in_order.reserve(policies.size());
  for (const bool is_drop : {true, false}) {
    for (PolicySettings& policy : policies) {
      if (policy.is_drop() == is_drop) in_order.push_back(std::move(policy));
    }
  }
  return in_order;
}

PolicySettings PolicyReader::read(ConfigReader& policy, Place place) {
  PolicySettings result;
  policy.string("name", &result.name);
  std::string type_name;
  policy.string("type", &type_name);
  const Type* type = Type::find(type_name);
  for (const Type& other : Type::kAll) {
    // Upstream reads the settings of all types and uses one's.
    if (&other == type || !other.has_settings) continue;
    policy.ignored(other.name, fmt::format("the policy's type is \"{}\"", type_name));
  }
  if (type == nullptr) {
    policy.error("type", fmt::format("unknown sampling policy type \"{}\"", type_name));
    return result;
  }
  check_place(policy, type_name, place);
  if (++depth_ > kDeepest) {
    policy.error("", fmt::format("policies are nested more than {} deep", kDeepest));
  } else {
    ConfigReader& settings = type->has_settings ? policy.section(type->name) : policy;
    result.options = (this->*type->read)(settings);
  }
  --depth_;
  return result;
}

std::vector<PolicySettings> PolicyReader::read_parts(ConfigReader& owner, std::string_view key,
                                                     Place place) {
  std::vector<PolicySettings> parts;
  for (ConfigReader* reader : owner.sections(key)) parts.push_back(read(*reader, place));
  // Without parts upstream samples, or drops, every trace.
  if (parts.empty()) owner.error(key, "list at least one policy");
  return parts;
}

// Upstream takes `and` in `composite` only, `not` nowhere but on top.
void PolicyReader::check_place(ConfigReader& policy, std::string_view type, Place place) {
  if (place == Place::kTop) return;
  if (type == "drop" || type == "composite") {
    policy.error("type", fmt::format("unknown sampling policy type \"{}\" inside of another "
                                     "policy; it may stand in `policies` only",
                                     type));
  } else if (type == "not" || (type == "and" && place != Place::kComposite)) {
    policy.deviation(
        "type", "nested_policy",
        fmt::format("unknown sampling policy type {}: a policy of this type may not be "
                    "part of another one",
                    type),
        "combined with the others", "write policies that need no nesting");
  }
}

PolicyReader::Options PolicyReader::read_and(ConfigReader& settings) {
  return AndSettings{read_parts(settings, "and_sub_policy", Place::kAnd)};
}

PolicyReader::Options PolicyReader::read_drop(ConfigReader& settings) {
  return DropSettings{read_parts(settings, "drop_sub_policy", Place::kDrop)};
}

PolicyReader::Options PolicyReader::read_not(ConfigReader& settings) {
  settings.require("not_sub_policy", "write the policy whose opposite is wanted");
  NotSettings result;
  if (settings.has("not_sub_policy")) {
    result.part.push_back(read(settings.section("not_sub_policy"), Place::kNot));
  }
  return result;
}

PolicyReader::Options PolicyReader::read_composite(ConfigReader& settings) {
  CompositeSettings result;
  settings.integer<std::int64_t>("max_total_spans_per_second", &result.max_total_spans_per_second,
                                 0);
  if (result.max_total_spans_per_second == 0) {
    settings.warning("max_total_spans_per_second", "is 0: the policy samples nothing");
  }
  result.parts = read_parts(settings, "composite_sub_policy", Place::kComposite);
  put_in_order(settings, result);
  read_rates(settings, result);
  return result;
}

void PolicyReader::put_in_order(ConfigReader& settings, CompositeSettings& composite) {
  std::vector<std::string> order;
  settings.string_list("policy_order", &order);
  auto begin = composite.parts.begin();
  bool is_moved = false;
  for (const std::string& name : order) {
    const auto found = std::ranges::find(begin, composite.parts.end(), name, &PolicySettings::name);
    if (found == composite.parts.end()) {
      settings.warning("policy_order",
                       fmt::format("\"{}\" is no (further) name in composite_sub_policy", name));
      continue;
    }
    is_moved |= found != begin;
    std::rotate(begin, found, std::next(found));
    ++begin;
  }
  if (is_moved) {
    settings.warning("policy_order",
                     "is not the order of composite_sub_policy; the collector "
                     "would take that one and ignore this");
  }
}

void PolicyReader::read_rates(ConfigReader& settings, CompositeSettings& composite) {
  composite.percents.assign(composite.parts.size(), 0);
  std::int64_t sum = 0;
  for (ConfigReader* rate : settings.sections("rate_allocation")) {
    std::string name;
    std::int64_t percent = 0;
    rate->string("policy", &name);
    rate->integer<std::int64_t>("percent", &percent, 0, 100);
    const auto found = std::ranges::find(composite.parts, name, &PolicySettings::name);
    if (found == composite.parts.end()) {
      rate->warning("policy", fmt::format("\"{}\" is no name in composite_sub_policy", name));
      continue;
    }
    composite.percents[static_cast<std::size_t>(found - composite.parts.begin())] = percent;
    sum += percent;
  }
  if (sum > 100) {
    settings.warning("rate_allocation",
                     fmt::format("allocates {} percent; what is beyond 100 is never granted", sum));
  }
}

std::vector<PolicySettings> read_policies(ConfigReader& reader) {
  return PolicyReader().read_all(reader);
}

}  // namespace kernspan::sampling
