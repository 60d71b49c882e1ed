#include <algorithm>
#include <array>
#include <cctype>

#include "agent/process/command_line.h"
#include "agent/process/name_parts.h"
#include "agent/process/naming_rules.h"

namespace kernspan::process {
namespace {

using namespace std::string_view_literals;

// Options of the WSGI and ASGI servers that take their value from the next argument.
constexpr std::array kServerValuedOptions = {
    "-b"sv,
    "--bind"sv,
    "-w"sv,
    "--workers"sv,
    "-k"sv,
    "--worker-class"sv,
    "--worker-connections"sv,
    "-t"sv,
    "--timeout"sv,
    "--graceful-timeout"sv,
    "--keep-alive"sv,
    "--threads"sv,
    "-c"sv,
    "--config"sv,
    "-n"sv,
    "--name"sv,
    "-p"sv,
    "--pid"sv,
    "-u"sv,
    "--user"sv,
    "-g"sv,
    "--group"sv,
    "-e"sv,
    "--env"sv,
    "-m"sv,
    "--umask"sv,
    "--chdir"sv,
    "--pythonpath"sv,
    "--paste"sv,
    "--log-level"sv,
    "--log-file"sv,
    "--log-config"sv,
    "--access-logfile"sv,
    "--error-logfile"sv,
    "--access-logformat"sv,
    "--max-requests"sv,
    "--max-requests-jitter"sv,
    "--backlog"sv,
    "--worker-tmp-dir"sv,
    "--certfile"sv,
    "--keyfile"sv,
    "--ca-certs"sv,
    "--host"sv,
    "--port"sv,
    "--uds"sv,
    "--fd"sv,
    "--app-dir"sv,
    "--root-path"sv,
    "--loop"sv,
    "--http"sv,
    "--ws"sv,
    "--interface"sv,
    "--env-file"sv,
    "--reload-dir"sv,
    "--ssl-keyfile"sv,
    "--ssl-certfile"sv,
    "--forwarded-allow-ips"sv,
    "--limit-concurrency"sv,
    "--listen"sv,
    "--endpoint"sv,
    "-d"sv,
    "--statsd-host"sv,
    "--server-name"sv,
    "--access-log"sv,
    "--unix-socket"sv,
};

constexpr std::array kCeleryValuedOptions = {
    "-A"sv,       "--app"sv,    "-b"sv,        "--broker"sv, "--result-backend"sv,
    "--loader"sv, "--config"sv, "--workdir"sv,
};

constexpr std::array kModulesWithRule = {
    "gunicorn"sv, "uvicorn"sv, "hypercorn"sv, "daphne"sv, "granian"sv, "celery"sv, "flask"sv,
};

bool is_identifier_start(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// "shop:app", "pkg.module:create_app()"; not "0.0.0.0:8000", "localhost:8000", "unix:/run/x.sock".
bool is_module_and_attribute(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos || colon + 1 == text.size()) return false;
  const std::string_view module = text.substr(0, colon);
  if (!is_identifier_start(module[0]) || !is_identifier_start(text[colon + 1])) return false;
  return std::ranges::all_of(module, [](char c) {
    return is_identifier_start(c) || c == '.' || std::isdigit(static_cast<unsigned char>(c)) != 0;
  });
}

// The application among a server's arguments: its first operand that has the form of one, else its
// first operand.
std::string_view application_of(Args args) {
  std::string_view first;
  for (std::size_t i = next_operand(args, 1, kServerValuedOptions); i < args.size();
       i = next_operand(args, i + 1, kServerValuedOptions)) {
    if (is_module_and_attribute(args[i])) return args[i];
    if (first.empty()) first = args[i];
  }
  return first;
}

std::string name_from_application(std::string_view application, std::string_view directory) {
  const std::string_view module = application.substr(0, application.find(':'));
  if (module.find('/') != std::string_view::npos || module.ends_with(".py")) {
    return name_from_script(module, directory);
  }
  return name_from_module(application, directory);
}

// A module that is run: python -m. A package of the standard library or of a known tool is itself.
std::string name_from_run_module(std::string_view module, const Invocation& invocation) {
  if (module == "http.server") return std::string(module);
  return name_from_module(module, invocation.cwd);
}

std::string name_run_module(std::string_view module, const Invocation& invocation,
                            std::size_t rest) {
  if (module.empty()) return {};
  if (module == "django") return name_django_admin(invocation.from(rest));
  const std::string_view package = module.substr(0, module.find('.'));
  if (contains(kModulesWithRule, package)) {
    // The rule reads args[0] as the program: let it stand where the module's name does.
    std::vector<std::string_view> args{package};
    const Args remaining = invocation.args.subspan(rest);
    args.insert(args.end(), remaining.begin() + 1, remaining.end());
    return name_of_program({args, invocation.cwd, invocation.flask_app, invocation.nesting + 1});
  }
  return name_from_run_module(module, invocation);
}

// "shop.settings.production" -> "shop"
std::string name_from_settings(std::string_view settings) {
  const std::string_view package = settings.substr(0, settings.find('.'));
  return package == "settings" || package == "config" ? std::string{} : std::string(package);
}

}  // namespace

// Spec: python(1). Short options cluster: -um shop.
std::string name_python(const Invocation& invocation) {
  const Args args = invocation.args;
  for (std::size_t i = 1; i < args.size(); ++i) {
    const std::string_view arg = args[i];
    if (arg == "-" || arg.empty()) return {};
    if (arg[0] != '-') {
      if (is_known_program(base_name(arg))) return name_of_program(invocation.from(i));
      if (base_name(arg) == "manage.py") {
        std::string name = name_from_settings(option_value(args.subspan(i), {"--settings"}));
        if (!name.empty()) return name;
      }
      return name_from_script(arg, invocation.cwd);
    }
    if (arg.starts_with("--")) {
      if (arg == "--check-hash-based-pycs") ++i;
      continue;
    }
    const std::size_t with_value = arg.find_first_of("mcWX", 1);
    if (with_value == std::string_view::npos) continue;
    const char option = arg[with_value];
    if (option == 'c') return {};
    std::string_view value = arg.substr(with_value + 1);
    if (value.empty()) {
      if (++i == args.size()) return {};
      value = args[i];
    }
    if (option == 'm') return name_run_module(value, invocation, i);
  }
  return {};
}

std::string name_gunicorn(const Invocation& invocation) {
  const Args args = invocation.args;
  const std::string_view name = option_value(args, {"--name", "-n"});
  if (!name.empty()) return std::string(name);
  const std::string directory =
      absolute_path(option_value(args, {"--chdir", "--pythonpath"}), invocation.cwd);
  const std::string_view application = application_of(args);
  // Without one, the application is in a configuration file: gunicorn.conf.py.
  return application.empty() ? name_from_directory(directory)
                             : name_from_application(application, directory);
}

std::string name_asgi_server(const Invocation& invocation) {
  const Args args = invocation.args;
  const std::string directory = absolute_path(option_value(args, {"--app-dir"}), invocation.cwd);
  std::string_view application = application_of(args);
  for (const std::string_view scheme : {"asgi:", "wsgi:", "file:"}) {
    if (application.starts_with(scheme)) application.remove_prefix(scheme.size());
  }
  return application.empty() ? std::string{} : name_from_application(application, directory);
}

// Spec: uwsgi-docs, Options. What names the application directly comes before files that do.
std::string name_uwsgi(const Invocation& invocation) {
  const Args args = invocation.args;
  const std::string_view prefix =
      option_value(args, {"--procname-prefix-spaced", "--procname-prefix", "--procname"});
  if (!prefix.empty())
    return std::string(split_spaces(prefix).empty() ? prefix : split_spaces(prefix)[0]);
  const std::string directory =
      absolute_path(option_value(args, {"--chdir", "--pythonpath"}), invocation.cwd);
  const std::string_view module = option_value(args, {"--module", "--wsgi", "-w"});
  if (!module.empty()) return name_from_application(module, directory);
  std::string_view file = option_value(args, {"--wsgi-file", "--file", "--psgi", "--rack", "--ini",
                                              "--yaml", "--yml", "--xml", "--json"});
  for (std::size_t i = 1; i < args.size() && file.empty(); ++i) {
    for (const std::string_view extension :
         {".ini", ".yaml", ".yml", ".xml", ".json", ".py", ".wsgi"}) {
      if (args[i].ends_with(extension) && !args[i].starts_with('-')) file = args[i];
    }
  }
  return file.empty() ? name_from_directory(directory) : name_from_script(file, directory);
}

std::string name_celery(const Invocation& invocation) {
  const Args args = invocation.args;
  const std::string_view application = option_value(args, {"-A", "--app"});
  const std::string directory = absolute_path(option_value(args, {"--workdir"}), invocation.cwd);
  if (!application.empty()) return name_from_application(application, directory);
  const std::size_t command = next_operand(args, 1, kCeleryValuedOptions);
  return command < args.size() ? name_from_directory(directory) : std::string{};
}

std::string name_flask(const Invocation& invocation) {
  std::string_view application = option_value(invocation.args, {"--app", "-A"});
  if (application.empty()) application = invocation.flask_app;
  if (!application.empty()) return name_from_application(application, invocation.cwd);
  return name_from_directory(invocation.cwd);  // flask looks for app.py and wsgi.py there
}

std::string name_django_admin(const Invocation& invocation) {
  std::string name = name_from_settings(option_value(invocation.args, {"--settings"}));
  return name.empty() ? name_from_directory(invocation.cwd) : name;
}

}  // namespace kernspan::process
