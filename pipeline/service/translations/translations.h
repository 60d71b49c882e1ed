// What the collector refuses and means something clear all the same: rewritten before anything is
// read, and told of once. One rule for each case; docs/configuration.md lists them.
#pragma once

#include <array>
#include <string_view>

#include "pipeline/component/config_node.h"
#include "pipeline/service/known_types.h"

namespace kernspan {

struct Rewriting {
  ConfigNode& root;
  const KnownTypes& types;
  ConfigWarnings& warnings;
};

struct TranslationRule {
  std::string_view id;  // of the deviations that it makes
  void (*apply)(Rewriting& rewriting, std::string_view id);
};

void move_misplaced_extensions(Rewriting& rewriting, std::string_view id);
void enable_named_extensions(Rewriting& rewriting, std::string_view id);

void drop_processors_that_became_connectors(Rewriting& rewriting, std::string_view id);
void drop_repeated_dimensions(Rewriting& rewriting, std::string_view id);
void feed_connectors_that_nothing_feeds(Rewriting& rewriting, std::string_view id);
void write_priority_levels(Rewriting& rewriting, std::string_view id);

void drop_require_client_auth(Rewriting& rewriting, std::string_view id);
void read_metrics_address(Rewriting& rewriting, std::string_view id);
void rename_detectors(Rewriting& rewriting, std::string_view id);
void read_node_detector_settings(Rewriting& rewriting, std::string_view id);
void quote_ports(Rewriting& rewriting, std::string_view id);

// In this order: what one rule makes another may go on with.
inline constexpr std::array kTranslations = {
    TranslationRule{"extension_among_exporters", move_misplaced_extensions},
    TranslationRule{"extension_not_enabled", enable_named_extensions},
    TranslationRule{"processor_became_connector", drop_processors_that_became_connectors},
    TranslationRule{"repeated_dimension", drop_repeated_dimensions},
    TranslationRule{"failover_primary", write_priority_levels},
    TranslationRule{"connector_not_fed", feed_connectors_that_nothing_feeds},
    TranslationRule{"require_client_auth", drop_require_client_auth},
    TranslationRule{"metrics_address", read_metrics_address},
    TranslationRule{"detector_kubernetes", rename_detectors},
    TranslationRule{"detector_k8snode", read_node_detector_settings},
    TranslationRule{"plain_as_string", quote_ports},
};

void translate(Rewriting rewriting);

}  // namespace kernspan
