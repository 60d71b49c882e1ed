#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/component/config_reader.h"
#include "pipeline/ottl/record.h"
#include "pipeline/processors/tail_sampling/policies/policy_settings.h"

namespace kernspan::sampling {

// Reads policies and their parts. What is wrong goes to the ConfigReader of the place.
class PolicyReader {
 public:
  // All of `policies`.
  std::vector<PolicySettings> read_all(ConfigReader& processor);

 private:
  using Options = decltype(PolicySettings::options);
  // Where a policy stands.
  enum class Place { kTop, kAnd, kNot, kDrop, kComposite };
  struct Type;

  PolicySettings read(ConfigReader& policy, Place place);
  std::vector<PolicySettings> read_parts(ConfigReader& owner, std::string_view key, Place place);
  void check_place(ConfigReader& policy, std::string_view type, Place place);

  Options read_always_sample(ConfigReader& settings);
  Options read_latency(ConfigReader& settings);
  Options read_numeric_attribute(ConfigReader& settings);
  Options read_probabilistic(ConfigReader& settings);
  Options read_status_code(ConfigReader& settings);
  Options read_string_attribute(ConfigReader& settings);
  Options read_boolean_attribute(ConfigReader& settings);
  Options read_rate_limiting(ConfigReader& settings);
  Options read_bytes_limiting(ConfigReader& settings);
  Options read_span_count(ConfigReader& settings);
  Options read_trace_state(ConfigReader& settings);
  Options read_trace_flags(ConfigReader& settings);
  Options read_ottl_condition(ConfigReader& settings);
  Options read_and(ConfigReader& settings);
  Options read_not(ConfigReader& settings);
  Options read_drop(ConfigReader& settings);
  Options read_composite(ConfigReader& settings);

  void add_conditions(ConfigReader& settings, std::string_view key, ottl::Context context,
                      OttlConditions& conditions);
  void put_in_order(ConfigReader& settings, CompositeSettings& composite);
  void read_rates(ConfigReader& settings, CompositeSettings& composite);

  // Policies in policies; files nest no deeper by hand.
  static constexpr int kDeepest = 16;
  int depth_ = 0;
};

}  // namespace kernspan::sampling
