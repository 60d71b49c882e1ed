// `kernspan probe ENDPOINT`: what stands between this machine and an OTLP endpoint, step by step:
// the name, the port, TLS, OTLP itself.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace kernspan::tools {

std::function<int()> declare_probe(CLI::App& app);

}  // namespace kernspan::tools
