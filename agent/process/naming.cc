#include "agent/process/naming.h"

#include <algorithm>
#include <array>

#include "agent/process/command_line.h"
#include "agent/process/naming_rules.h"
#include "agent/process/otel_environment.h"
#include "agent/process/utf8.h"

namespace kernspan::process {
namespace {

constexpr std::size_t kNameBytesMax = 255;

enum class Kind {
  kServer,       // bears its own name when the rule finds nothing better
  kInterpreter,  // has none: without a script it is nobody's
};

struct Program {
  std::string_view key;  // program_key() of its executable or script
  Kind kind;
  Rule rule;
  bool rewrites_title = false;
};

constexpr std::array kPrograms = {
    // Python
    Program{"python", Kind::kInterpreter, name_python},
    Program{"pypy", Kind::kInterpreter, name_python},
    Program{"gunicorn", Kind::kServer, name_gunicorn, true},
    Program{"uwsgi", Kind::kServer, name_uwsgi, true},
    Program{"uwsgi-core", Kind::kServer, name_uwsgi, true},
    Program{"uvicorn", Kind::kServer, name_asgi_server},
    Program{"hypercorn", Kind::kServer, name_asgi_server},
    Program{"daphne", Kind::kServer, name_asgi_server},
    Program{"granian", Kind::kServer, name_asgi_server},
    Program{"waitress-serve", Kind::kServer, name_asgi_server},
    Program{"celery", Kind::kServer, name_celery, true},
    Program{"flask", Kind::kServer, name_flask},
    Program{"django-admin", Kind::kServer, name_django_admin},
    // JVM
    Program{"java", Kind::kInterpreter, name_java},
    // JavaScript
    Program{"node", Kind::kInterpreter, name_node},
    Program{"nodejs", Kind::kInterpreter, name_node},
    Program{"bun", Kind::kInterpreter, name_script_runner},
    Program{"deno", Kind::kInterpreter, name_script_runner},
    Program{"ts-node", Kind::kServer, name_script_runner},
    Program{"ts-node-dev", Kind::kServer, name_script_runner},
    Program{"tsx", Kind::kServer, name_script_runner},
    Program{"nodemon", Kind::kServer, name_script_runner},
    Program{"babel-node", Kind::kServer, name_script_runner},
    Program{"npm", Kind::kServer, name_project_tool},
    Program{"npx", Kind::kServer, name_project_tool},
    Program{"yarn", Kind::kServer, name_project_tool},
    Program{"pnpm", Kind::kServer, name_project_tool},
    Program{"next", Kind::kServer, name_project_tool},
    Program{"nuxt", Kind::kServer, name_project_tool},
    Program{"nest", Kind::kServer, name_project_tool},
    Program{"vite", Kind::kServer, name_project_tool},
    Program{"react-scripts", Kind::kServer, name_project_tool},
    // Ruby
    Program{"ruby", Kind::kInterpreter, name_ruby},
    Program{"puma", Kind::kServer, name_ruby_server, true},
    Program{"unicorn", Kind::kServer, name_ruby_server, true},
    Program{"unicorn_rails", Kind::kServer, name_ruby_server, true},
    Program{"rails", Kind::kServer, name_ruby_server, true},
    Program{"rackup", Kind::kServer, name_ruby_server, true},
    Program{"thin", Kind::kServer, name_ruby_server, true},
    Program{"sidekiq", Kind::kServer, name_ruby_server, true},
    Program{"rake", Kind::kServer, name_ruby_server},
    Program{"bundle", Kind::kServer, name_bundle, true},
    // PHP
    Program{"php", Kind::kInterpreter, name_php},
    Program{"php-fpm", Kind::kServer, name_php_fpm, true},
    // Perl
    Program{"perl", Kind::kInterpreter, name_perl},
    Program{"plackup", Kind::kServer, name_plack},
    Program{"starman", Kind::kServer, name_plack, true},
    Program{"hypnotoad", Kind::kServer, name_plack},
    Program{"morbo", Kind::kServer, name_plack},
    // Shells
    Program{"bash", Kind::kInterpreter, name_shell},
    Program{"sh", Kind::kInterpreter, name_shell},
    Program{"dash", Kind::kInterpreter, name_shell},
    Program{"ash", Kind::kInterpreter, name_shell},
    Program{"zsh", Kind::kInterpreter, name_shell},
    Program{"ksh", Kind::kInterpreter, name_shell},
    // Others that run what they are given
    Program{"dotnet", Kind::kInterpreter, name_dotnet},
    Program{"lua", Kind::kInterpreter, name_plain_interpreter},
    Program{"luajit", Kind::kInterpreter, name_plain_interpreter},
    Program{"Rscript", Kind::kInterpreter, name_plain_interpreter},
    Program{"beam.smp", Kind::kServer, name_erlang},
    Program{"apache", Kind::kServer, name_apache},
    Program{"httpd", Kind::kServer, name_apache},
    Program{"busybox", Kind::kServer, name_multi_call},
    Program{"toybox", Kind::kServer, name_multi_call},
    Program{"env", Kind::kServer, name_loader},
    Program{"nginx", Kind::kServer, name_itself, true},
};

const Program* find_program(std::string_view name) {
  const std::string_view key = program_key(name);
  const auto found = std::ranges::find(kPrograms, key, &Program::key);
  return found == kPrograms.end() ? nullptr : &*found;
}

// ld-linux-x86-64.so.2, ld-musl-x86_64.so.1, ld-2.31.so; qemu-aarch64, qemu-arm-static.
bool is_loader(std::string_view name) {
  if (name.starts_with("ld-") && name.find(".so") != std::string_view::npos) return true;
  return name.starts_with("qemu-") && !name.starts_with("qemu-system") &&
         !name.starts_with("qemu-img") && !name.starts_with("qemu-ga") &&
         !name.starts_with("qemu-nbd") && !name.starts_with("qemu-storage");
}

struct CommandName {
  std::string name;
  bool known = false;
};

// `executable` overrides args[0], which a program may be started with any text for.
CommandName name_by_program(std::string_view executable, const Invocation& invocation) {
  if (is_loader(executable)) {
    std::string name = name_loader(invocation);
    if (!name.empty()) return {name, true};
  }
  const Program* program = find_program(executable);
  if (program == nullptr) return {std::string(executable), true};
  std::string name = program->rule(invocation);
  if (!name.empty()) return {name, true};
  if (program->kind == Kind::kInterpreter) return {std::string(executable), false};
  return {std::string(executable), true};
}

std::vector<std::string_view> views(const std::vector<std::string>& args, bool truncated) {
  std::vector<std::string_view> result(args.begin(), args.end());
  if (truncated && result.size() > 1) result.pop_back();
  return result;
}

// One argument that is no program's path: the process has overwritten its command line.
bool is_title(const std::vector<std::string>& args, std::string_view executable) {
  if (args.size() != 1) return false;
  std::string_view text = args[0];
  if (text.find(' ') != std::string_view::npos) return !text.starts_with('/');
  if (text.starts_with('-')) text.remove_prefix(1);  // a login shell
  const Program* program = find_program(executable);
  return program != nullptr && program->kind == Kind::kInterpreter &&
         base_name(text) != executable && find_program(base_name(text)) == nullptr;
}

// The stable part of a title in a program's own words: "shop-worker: 3 requests" -> "shop-worker".
std::string_view first_word(std::string_view title) {
  return title.substr(0, title.find_first_of(" :[("));
}

CommandName name_from_command(const ProcessFacts& facts) {
  std::string_view executable = base_name(without_deleted(facts.executable_path));
  std::vector<std::string_view> args = views(facts.args, facts.args_truncated);
  Invocation invocation{args, facts.cwd, facts.flask_app};

  std::string_view title;
  if (is_title(facts.args, executable)) {
    title = facts.args[0];
    std::string name = name_from_title(title, invocation);
    if (!name.empty()) return {name, true};
    args = views(facts.exec_args, false);
  }
  if (args.empty() && facts.args.empty()) args = views(facts.exec_args, false);
  invocation.args = args;
  if (executable.empty() && !args.empty()) {
    executable = base_name(args[0]);
    if (executable.starts_with('-')) executable.remove_prefix(1);  // a login shell
  }
  if (executable.empty() && !title.empty()) return {std::string(first_word(title)), true};
  if (executable.empty()) return {facts.comm, false};

  CommandName named = name_by_program(executable, invocation);
  if (!named.known && !title.empty()) {
    const std::string_view word = first_word(title);
    if (!word.empty() && word.find('/') == std::string_view::npos) return {std::string(word), true};
  }
  return named;
}

std::string presentable(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F) text += c;
  }
  return to_utf8(text, kNameBytesMax);
}

}  // namespace

std::string name_itself(const Invocation&) {
  return {};
}

bool is_known_program(std::string_view name) {
  return find_program(name) != nullptr;
}

std::string name_of_program(const Invocation& invocation) {
  if (invocation.args.empty() || invocation.nesting > kNestingMax) return {};
  CommandName named = name_by_program(base_name(invocation.args[0]), invocation);
  return named.known ? named.name : std::string{};
}

std::string configured_service_name(const ProcessFacts& facts) {
  std::string name = presentable(facts.otel_service_name);
  if (!name.empty()) return name;
  const auto attributes = parse_resource_attributes(facts.otel_resource_attributes);
  return attributes ? presentable(find_attribute(*attributes, "service.name")) : std::string();
}

std::string service_name_for(const ProcessFacts& facts) {
  std::string name = configured_service_name(facts);
  if (!name.empty()) return name;
  const CommandName command = name_from_command(facts);
  name = presentable(command.name);
  if (name.empty()) return "unknown_service";
  return command.known ? name : to_utf8("unknown_service:" + name, kNameBytesMax);
}

bool is_spawned_worker(const ProcessFacts& facts) {
  return std::ranges::any_of(facts.args, [](std::string_view arg) {
    return arg == "--multiprocessing-fork" || arg.starts_with("from multiprocessing.");
  });
}

bool rewrites_its_title(const std::vector<std::string>& exec_args) {
  // The script of an interpreter is among the first arguments: python3 -u /usr/bin/gunicorn.
  constexpr std::size_t kArgsLookedAt = 5;
  return std::ranges::any_of(
      exec_args.begin(),
      exec_args.begin() + static_cast<std::ptrdiff_t>(std::min(kArgsLookedAt, exec_args.size())),
      [](const std::string& arg) {
        const Program* program = find_program(base_name(arg));
        return program != nullptr && program->rewrites_title;
      });
}

}  // namespace kernspan::process
