// Titles that servers give themselves with setproctitle(3) and its like, in the forms that name the
// application.
#include <array>

#include "agent/process/command_line.h"
#include "agent/process/name_parts.h"
#include "agent/process/naming_rules.h"

namespace kernspan::process {
namespace {

// "... [shop]" -> "shop"
std::string_view last_brackets(std::string_view title) {
  if (!title.ends_with(']')) return {};
  const std::size_t open = title.rfind('[');
  if (open == std::string_view::npos) return {};
  return title.substr(open + 1, title.size() - open - 2);
}

// "gunicorn: worker [shop]", where shop is --name or the application's module.
std::string name_gunicorn_title(std::string_view title, const Invocation& context) {
  const std::string_view name = last_brackets(title);
  if (name == "gunicorn") return {};
  if (name.find(':') != std::string_view::npos) return name_from_module(name, context.cwd);
  return std::string(name);
}

// "puma 6.0.2 (tcp://0.0.0.0:3000) [shop]", "puma: cluster worker 0: 4711 [shop]"
std::string name_puma_title(std::string_view title, const Invocation& context) {
  const std::string_view tag = last_brackets(title);
  return tag.empty() ? name_from_directory(context.cwd) : std::string(tag);
}

// "sidekiq 7.1.0 shop [0 of 10 busy]"
std::string name_sidekiq_title(std::string_view title, const Invocation& context) {
  const auto words = split_spaces(title);
  if (words.size() > 2 && !words[2].starts_with('[')) return std::string(words[2]);
  return name_from_directory(context.cwd);
}

// "Passenger RubyApp: /srv/shop (production)"
std::string name_passenger_title(std::string_view title, const Invocation&) {
  const auto words = split_spaces(title);
  return words.size() > 2 ? name_from_directory(words[2]) : std::string{};
}

// "php-fpm: pool shop"; "www" is the pool of every fresh installation.
std::string name_php_fpm_title(std::string_view title, const Invocation&) {
  constexpr std::string_view kPool = "php-fpm: pool ";
  if (!title.starts_with(kPool)) return "php-fpm";
  const std::string_view pool = title.substr(kPool.size());
  return pool == "www" ? "php-fpm" : std::string(pool);
}

// "[celeryd: celery@host:MainProcess] -active- (-A shop worker -l info)"
std::string name_celery_title(std::string_view title, const Invocation& context) {
  const std::size_t open = title.rfind('(');
  if (open == std::string_view::npos || !title.ends_with(')')) return "celery";
  auto words = split_spaces(title.substr(open + 1, title.size() - open - 2));
  words.insert(words.begin(), "celery");
  std::string name = name_celery({words, context.cwd, context.flask_app, 0});
  return name.empty() ? "celery" : name;
}

struct Form {
  std::string_view prefix;
  std::string (*name)(std::string_view title, const Invocation& context);
};

constexpr std::array kForms = {
    Form{"gunicorn: ", name_gunicorn_title},  Form{"puma ", name_puma_title},
    Form{"puma: ", name_puma_title},          Form{"sidekiq ", name_sidekiq_title},
    Form{"Passenger ", name_passenger_title}, Form{"php-fpm: ", name_php_fpm_title},
    Form{"[celeryd: ", name_celery_title},    Form{"[celery ", name_celery_title},
};

// "uWSGI worker 1" and, with procname-prefix, "shop uWSGI worker 1".
std::string name_uwsgi_title(std::string_view title) {
  const std::size_t at = title.find("uWSGI ");
  if (at == std::string_view::npos || at == 0) return {};
  const auto words = split_spaces(title.substr(0, at));
  return words.empty() ? std::string{} : std::string(words[0]);
}

}  // namespace

std::string name_from_title(std::string_view title, const Invocation& context) {
  for (const Form& form : kForms) {
    if (title.starts_with(form.prefix)) return form.name(title, context);
  }
  std::string name = name_uwsgi_title(title);
  if (!name.empty()) return name;
  // A command line in one piece: "node /srv/shop/server.js" (pm2), "npm start", "unicorn master -c
  // ...".
  const auto words = split_spaces(title);
  if (words.size() < 2 || !is_known_program(base_name(words[0]))) return {};
  return name_of_program({words, context.cwd, context.flask_app, 0});
}

}  // namespace kernspan::process
