#pragma once

#include <string>
#include <vector>

#include "gateway/stitch/stitch_settings.h"
#include "gateway/stitch/stitch_table.h"
#include "pipeline/base/metrics.h"

namespace kernspan::stitch {

MetricFamily gauge_family(std::string name, std::string help, MetricLabels labels, double value);

// What the table holds, each next to its limit, and how far clocks are apart.
void collect_gauges(const StitchTable& table, const StitchSettings& settings,
                    const MetricLabels& labels, std::vector<MetricFamily>& families);

}  // namespace kernspan::stitch
