// Internal to naming*.cc: one rule per kind of program. A rule answers with the name, or with
// nothing when the command line says nothing; the table in naming.cc then decides what stands for
// it.
#pragma once

#include <string>
#include <string_view>

#include "agent/process/command_line.h"

namespace kernspan::process {

struct Invocation {
  Args args;  // args[0] is the program, as it was invoked
  std::string_view cwd;
  std::string_view flask_app;
  // How many programs that run another program were passed. The dispatcher stops at kNestingMax.
  int nesting = 0;

  // The same, seen from the program at args[index] on.
  Invocation from(std::size_t index) const {
    return {args.subspan(index), cwd, flask_app, nesting + 1};
  }
};

// env -> python -> gunicorn is three; what nests deeper is not a service.
inline constexpr int kNestingMax = 6;

using Rule = std::string (*)(const Invocation&);

// The name of what args[0] runs, by the table; args[0]'s own name where it is a program that the
// table does not know or that names itself. Empty for interpreters without a script.
std::string name_of_program(const Invocation& invocation);

// Whether a script of that name is a program with a rule of its own (gunicorn, flask, npm, ...).
bool is_known_program(std::string_view name);

// naming.cc: for programs that are only in the table for another column's sake.
std::string name_itself(const Invocation& invocation);

// naming_python.cc
std::string name_python(const Invocation& invocation);
std::string name_gunicorn(const Invocation& invocation);
std::string name_uwsgi(const Invocation& invocation);
std::string name_asgi_server(const Invocation& invocation);
std::string name_celery(const Invocation& invocation);
std::string name_flask(const Invocation& invocation);
std::string name_django_admin(const Invocation& invocation);

// naming_java.cc
std::string name_java(const Invocation& invocation);

// naming_node.cc
std::string name_node(const Invocation& invocation);
std::string name_script_runner(const Invocation& invocation);
std::string name_project_tool(const Invocation& invocation);

// naming_scripts.cc
std::string name_ruby(const Invocation& invocation);
std::string name_ruby_server(const Invocation& invocation);
std::string name_bundle(const Invocation& invocation);
std::string name_php(const Invocation& invocation);
std::string name_php_fpm(const Invocation& invocation);
std::string name_perl(const Invocation& invocation);
std::string name_plack(const Invocation& invocation);
std::string name_shell(const Invocation& invocation);
std::string name_dotnet(const Invocation& invocation);
std::string name_plain_interpreter(const Invocation& invocation);
std::string name_erlang(const Invocation& invocation);
std::string name_apache(const Invocation& invocation);
std::string name_multi_call(const Invocation& invocation);
std::string name_loader(const Invocation& invocation);

// naming_titles.cc: the name in a title of a known form; empty for other titles.
std::string name_from_title(std::string_view title, const Invocation& context);

}  // namespace kernspan::process
