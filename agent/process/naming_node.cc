#include <array>

#include "agent/process/command_line.h"
#include "agent/process/name_parts.h"
#include "agent/process/naming_rules.h"

namespace kernspan::process {
namespace {

using namespace std::string_view_literals;

constexpr std::array kNodeValuedOptions = {
    "-r"sv, "--require"sv,    "--import"sv,   "--loader"sv,     "--experimental-loader"sv,
    "-C"sv, "--conditions"sv, "--env-file"sv, "--input-type"sv,
};

constexpr std::array kRunnerValuedOptions = {
    "-r"sv,
    "--require"sv,
    "-P"sv,
    "--project"sv,
    "-O"sv,
    "-C"sv,
    "--watch"sv,
    "-w"sv,
    "--ext"sv,
    "-e"sv,
    "--exec"sv,
    "-x"sv,
    "--ignore"sv,
    "-i"sv,
    "--delay"sv,
    "--tsconfig"sv,
    "--compiler-options"sv,
    "--import"sv,
    "--config"sv,
    "--cwd"sv,
};

// The package a path under node_modules belongs to: ".../node_modules/@acme/cli/bin/x.js" ->
// "@acme/cli"; for ".../node_modules/.bin/tsx" the command: "tsx".
std::string_view package_of(std::string_view path) {
  constexpr std::string_view kModules = "node_modules/";
  const std::size_t at = path.rfind(kModules);
  if (at == std::string_view::npos) return {};
  std::string_view rest = path.substr(at + kModules.size());
  if (rest.starts_with(".bin/")) return base_name(rest);
  const std::size_t scope_end = rest.starts_with('@') ? rest.find('/') : std::string_view::npos;
  const std::size_t end = rest.find('/', scope_end == std::string_view::npos ? 0 : scope_end + 1);
  return rest.substr(0, end);
}

// /usr/share/nodejs/npm/bin/npm-cli.js is Debian's npm; yarn.js and pnpm.cjs come from corepack.
std::string_view tool_of(std::string_view script) {
  const std::string_view name = base_name(script);
  if (name == "npm-cli.js") return "npm";
  if (name == "npx-cli.js") return "npx";
  if (name == "yarn.js" || name == "yarn.cjs") return "yarn";
  if (name == "pnpm.js" || name == "pnpm.cjs") return "pnpm";
  const std::string_view package = package_of(script);
  if (!package.empty()) return package;
  return is_known_program(name) ? name : std::string_view{};
}

// What a tool's own arguments say, with its name in the place of its script.
std::string name_tool(std::string_view tool, const Invocation& invocation, std::size_t script) {
  if (!is_known_program(tool)) return std::string(base_name(tool));
  std::vector<std::string_view> args{tool};
  const Args remaining = invocation.args.subspan(script + 1);
  args.insert(args.end(), remaining.begin(), remaining.end());
  return name_of_program({args, invocation.cwd, invocation.flask_app, invocation.nesting + 1});
}

}  // namespace

std::string name_node(const Invocation& invocation) {
  const Args args = invocation.args;
  const std::size_t script = next_operand(args, 1, kNodeValuedOptions);
  for (std::size_t i = 1; i < script && i < args.size(); ++i) {
    if (args[i].starts_with("--title=")) return std::string(args[i].substr(8));
    if (args[i] == "-e" || args[i] == "--eval" || args[i] == "-p" || args[i] == "--print" ||
        args[i] == "-pe") {
      return {};
    }
  }
  if (script >= args.size() || args[script] == "-") return {};
  const std::string_view tool = tool_of(args[script]);
  if (!tool.empty()) return name_tool(tool, invocation, script);
  return name_from_script(args[script], invocation.cwd);
}

// ts-node src/index.ts, tsx watch src/index.ts, bun run server.ts, deno run -A main.ts
std::string name_script_runner(const Invocation& invocation) {
  const Args args = invocation.args;
  std::size_t script = next_operand(args, 1, kRunnerValuedOptions);
  if (script < args.size() &&
      (args[script] == "run" || args[script] == "watch" || args[script] == "serve")) {
    script = next_operand(args, script + 1, kRunnerValuedOptions);
  }
  if (script >= args.size()) return name_from_directory(invocation.cwd);
  // "bun run start" names an entry of package.json.
  if (args[script].find_first_of("./") == std::string_view::npos) {
    return name_from_directory(invocation.cwd);
  }
  return name_from_script(args[script], invocation.cwd);
}

// npm start, yarn dev, next start: tools that work on the project in the current directory.
std::string name_project_tool(const Invocation& invocation) {
  const std::string_view prefix = option_value(invocation.args, {"--prefix", "--cwd"});
  return name_from_directory(absolute_path(prefix, invocation.cwd));
}

}  // namespace kernspan::process
