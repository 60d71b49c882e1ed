// `kernspan send-test-trace`: makes traces and sends them by OTLP, with the options of telemetrygen
// that deployment guides use.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace kernspan::tools {

std::function<int()> declare_send_test_trace(CLI::App& app);

}  // namespace kernspan::tools
