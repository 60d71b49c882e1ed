// The other interpreters and wrappers: Ruby, PHP, Perl, shells, .NET, Erlang, busybox, loaders.
#include <array>

#include "agent/process/command_line.h"
#include "agent/process/name_parts.h"
#include "agent/process/naming_rules.h"

namespace kernspan::process {
namespace {

using namespace std::string_view_literals;

constexpr std::array kRubyValuedOptions = {"-I"sv, "-r"sv, "-C"sv, "-E"sv};
constexpr std::array kPhpValuedOptions = {"-c"sv, "-d"sv, "-z"sv, "-t"sv, "-S"sv};
constexpr std::array kPerlValuedOptions = {"-I"sv};
constexpr std::array kPlackValuedOptions = {
    "-p"sv, "--port"sv,    "-o"sv,       "--host"sv, "-s"sv,    "--server"sv, "-E"sv, "--env"sv,
    "-I"sv, "--workers"sv, "--listen"sv, "-l"sv,     "--pid"sv, "-M"sv,       "-e"sv,
};
constexpr std::array kShellValuedOptions = {"-o"sv, "-O"sv, "+o"sv, "--rcfile"sv, "--init-file"sv};
constexpr std::array kLoaderValuedOptions = {
    "--library-path"sv,
    "--preload"sv,
    "--argv0"sv,
    "--audit"sv,
    "--inhibit-rpath"sv,
    "-L"sv,
    "-0"sv,
    "-E"sv,
    "-cpu"sv,
    "-u"sv,
    "--unset"sv,
    "-C"sv,
    "--chdir"sv,
};
constexpr std::array<std::string_view, 0> kNoValuedOptions{};

// Whether one of the arguments before the first operand holds a short option of `letters`: code on
// the command line (-e, -lne) instead of a script.
bool has_short_option(Args args, std::size_t end, std::string_view letters) {
  for (std::size_t i = 1; i < end && i < args.size(); ++i) {
    const std::string_view arg = args[i];
    if (arg.size() > 1 && arg[0] == '-' && arg[1] != '-' && arg[1] != 'I' && arg[1] != 'M' &&
        arg.find_first_of(letters, 1) != std::string_view::npos) {
      return true;
    }
  }
  return false;
}

std::string name_operand(const Invocation& invocation, std::size_t script) {
  const Args args = invocation.args;
  if (script >= args.size() || args[script] == "-" || args[script].empty()) return {};
  if (is_known_program(base_name(args[script]))) return name_of_program(invocation.from(script));
  return name_from_script(args[script], invocation.cwd);
}

}  // namespace

std::string name_ruby(const Invocation& invocation) {
  const std::size_t script = next_operand(invocation.args, 1, kRubyValuedOptions);
  if (has_short_option(invocation.args, script, "e")) return {};
  return name_operand(invocation, script);
}

// puma, unicorn, rails, ...: the tag if there is one, else the application's directory.
std::string name_ruby_server(const Invocation& invocation) {
  const Args args = invocation.args;
  for (const std::string_view name : {option_value(args, {"--tag"}), option_value(args, {"-g"})}) {
    if (!name.empty() && base_name(args[0]) != "unicorn") return std::string(name);
  }
  const std::string directory =
      absolute_path(option_value(args, {"--dir", "--chdir"}), invocation.cwd);
  std::string name = name_from_directory(directory);
  // Without a directory to go by, that of a program inside the application: /srv/shop/bin/rails.
  if (name.empty()) name = name_from_directory(directory_of(args[0]));
  return name;
}

std::string name_bundle(const Invocation& invocation) {
  const Args args = invocation.args;
  std::size_t command = next_operand(args, 1, kNoValuedOptions);
  if (command < args.size() && args[command] == "exec") {
    command = next_operand(args, command + 1, kNoValuedOptions);
    return name_operand(invocation, command);
  }
  return name_from_directory(invocation.cwd);
}

std::string name_php(const Invocation& invocation) {
  const Args args = invocation.args;
  const std::string_view file =
      option_value(args.first(std::min<std::size_t>(args.size(), 8)), {"-f"});
  if (!file.empty()) return name_from_script(file, invocation.cwd);
  const std::size_t script = next_operand(args, 1, kPhpValuedOptions);
  const Args options = args.first(std::min(script, args.size()));
  if (!option_value(options, {"-S"}).empty()) {  // the built-in web server
    const std::string root = absolute_path(option_value(options, {"-t"}), invocation.cwd);
    std::string name = name_from_directory(root);
    if (!name.empty() || script >= args.size()) return name;
  }
  if (has_short_option(args, script, "rBRE")) return {};
  return name_operand(invocation, script);
}

std::string name_php_fpm(const Invocation&) {
  return "php-fpm";
}

std::string name_perl(const Invocation& invocation) {
  const std::size_t script = next_operand(invocation.args, 1, kPerlValuedOptions);
  if (has_short_option(invocation.args, script, "eE")) return {};
  return name_operand(invocation, script);
}

std::string name_plack(const Invocation& invocation) {
  const Args args = invocation.args;
  const std::size_t script = next_operand(args, 1, kPlackValuedOptions);
  if (script < args.size() && args[script] != "master" && args[script] != "worker") {
    return name_from_script(args[script], invocation.cwd);
  }
  return name_from_directory(invocation.cwd);
}

std::string name_shell(const Invocation& invocation) {
  const std::size_t script = next_operand(invocation.args, 1, kShellValuedOptions);
  if (has_short_option(invocation.args, script, "c")) return {};
  return name_operand(invocation, script);
}

// dotnet /app/Shop.dll, dotnet exec Shop.dll, dotnet run --project src/Shop
std::string name_dotnet(const Invocation& invocation) {
  const Args args = invocation.args;
  for (const std::string_view arg : args.subspan(std::min<std::size_t>(1, args.size()))) {
    if (arg.ends_with(".dll")) return name_from_script(arg, invocation.cwd);
  }
  const std::string_view project = option_value(args, {"--project"});
  if (project.empty()) return name_from_directory(invocation.cwd);
  std::string_view name = base_name(project);
  if (name.ends_with(".csproj")) name.remove_suffix(7);
  return std::string(name);
}

std::string name_plain_interpreter(const Invocation& invocation) {
  const std::size_t script = next_operand(invocation.args, 1, kNoValuedOptions);
  if (has_short_option(invocation.args, script, "e")) return {};
  return name_operand(invocation, script);
}

// -name shop@10.0.0.7, -sname shop
std::string name_erlang(const Invocation& invocation) {
  const std::string_view node =
      option_value(invocation.args, {"-name", "-sname", "--name", "--sname"});
  return std::string(node.substr(0, node.find('@')));
}

// mod_wsgi's daemons: "(wsgi:shop)". Others are apache itself.
std::string name_apache(const Invocation& invocation) {
  constexpr std::string_view kWsgi = "(wsgi:";
  if (invocation.args.empty() || !invocation.args[0].starts_with(kWsgi)) return {};
  const std::string_view rest = invocation.args[0].substr(kWsgi.size());
  return std::string(rest.substr(0, rest.find(')')));
}

// "httpd" as a link to busybox, or "busybox httpd".
std::string name_multi_call(const Invocation& invocation) {
  const Args args = invocation.args;
  if (args.empty()) return {};
  std::string_view applet = base_name(args[0]);
  std::size_t at = 0;
  if (applet == "busybox" || applet == "toybox") {
    if (args.size() < 2) return {};
    applet = args[++at];
  }
  // Of a shell that runs no script the applet's name is all there is.
  std::string name =
      is_known_program(applet) ? name_of_program(invocation.from(at)) : std::string{};
  return name.empty() ? std::string(applet) : name;
}

std::string name_loader(const Invocation& invocation) {
  const Args args = invocation.args;
  std::size_t program = next_operand(args, 1, kLoaderValuedOptions);
  // env's assignments.
  while (program < args.size() && args[program].find('=') != std::string_view::npos) ++program;
  return program < args.size() ? name_of_program(invocation.from(program)) : std::string{};
}

}  // namespace kernspan::process
