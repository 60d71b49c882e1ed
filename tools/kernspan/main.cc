// kernspan: the command line for people who run the daemons.
#include <array>
#include <functional>
#include <utility>
#include <vector>

#include "tools/kernspan/command.h"
#include "tools/kernspan/doctor/doctor.h"
#include "tools/kernspan/health/health.h"
#include "tools/kernspan/probe/probe.h"
#include "tools/kernspan/send_test_trace/send_test_trace.h"
#include "tools/kernspan/traces/traces.h"
#include "tools/kernspan/validate/validate.h"

namespace kernspan::tools {
namespace {

// Adding a sub-command: its folder, and a row here.
constexpr std::array kCommands = {
    Command{"doctor", "Say what configurations will lose, leak or outgrow", declare_doctor},
    Command{"health", "Ask a daemon whether it is healthy, or ready", declare_health},
    Command{"probe", "Find out what stands between here and an OTLP endpoint", declare_probe},
    Command{"send-test-trace", "Send made-up traces by OTLP", declare_send_test_trace},
    Command{"traces", "Show traces as waterfalls in the terminal", declare_traces},
    Command{"validate", "Check configuration files without starting anything", declare_validate},
};

int run(int argc, char** argv) {
  CLI::App app{"Traces of programs that nobody instrumented", "kernspan"};
  app.set_version_flag("--version", "kernspan " KERNSPAN_VERSION);
  app.require_subcommand(1);
  std::vector<std::pair<CLI::App*, std::function<int()>>> commands;
  for (const Command& command : kCommands) {
    CLI::App* parser = app.add_subcommand(command.name, command.description);
    commands.emplace_back(parser, command.declare(*parser));
  }
  CLI11_PARSE(app, argc, argv);
  for (const auto& [parser, execute] : commands) {
    if (parser->parsed()) return execute();
  }
  return 1;
}

}  // namespace
}  // namespace kernspan::tools

int main(int argc, char** argv) {
  return kernspan::tools::run(argc, argv);
}
