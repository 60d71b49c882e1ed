#include "agent/process/name_parts.h"

#include <algorithm>
#include <array>
#include <vector>

#include "agent/process/command_line.h"

namespace kernspan::process {
namespace {

using namespace std::string_view_literals;

constexpr std::array kGenericStems = {
    "__init__"sv,
    "__main__"sv,
    "app"sv,
    "application"sv,
    "artisan"sv,
    "asgi"sv,
    "bootstrap"sv,
    "bundle"sv,
    "celery"sv,
    "celery_app"sv,
    "celeryapp"sv,
    "console"sv,
    "docker-entrypoint"sv,
    "entrypoint"sv,
    "index"sv,
    "launch"sv,
    "launcher"sv,
    "main"sv,
    "manage"sv,
    "program"sv,
    "quarkus-run"sv,
    "run"sv,
    "serve"sv,
    "server"sv,
    "service"sv,
    "start"sv,
    "startup"sv,
    "uwsgi"sv,
    "web"sv,
    "wsgi"sv,
    "www"sv,
};

constexpr std::array kGenericDirectories = {
    ".bin"sv,         ".next"sv, ".output"sv,       ".venv"sv,         "app"sv,     "apps"sv,
    "bin"sv,          "build"sv, "code"sv,          "current"sv,       "deploy"sv,  "deployments"sv,
    "dist"sv,         "env"sv,   "etc"sv,           "home"sv,          "html"sv,    "htdocs"sv,
    "lib"sv,          "lib64"sv, "libexec"sv,       "libs"sv,          "local"sv,   "mnt"sv,
    "node_modules"sv, "opt"sv,   "out"sv,           "public"sv,        "release"sv, "releases"sv,
    "root"sv,         "run"sv,   "sbin"sv,          "scripts"sv,       "server"sv,  "service"sv,
    "services"sv,     "share"sv, "site-packages"sv, "dist-packages"sv, "src"sv,     "srv"sv,
    "target"sv,       "tmp"sv,   "usr"sv,           "var"sv,           "venv"sv,    "virtualenv"sv,
    "web"sv,          "work"sv,  "workdir"sv,       "workspace"sv,     "www"sv,
};

constexpr std::array kScriptExtensions = {
    ".bash"sv, ".cjs"sv, ".dll"sv,  ".ini"sv, ".jar"sv,  ".js"sv,  ".json"sv, ".jsx"sv,
    ".lua"sv,  ".mjs"sv, ".mts"sv,  ".php"sv, ".phar"sv, ".pl"sv,  ".psgi"sv, ".py"sv,
    ".pyc"sv,  ".pyz"sv, ".R"sv,    ".rb"sv,  ".ru"sv,   ".sh"sv,  ".toml"sv, ".ts"sv,
    ".tsx"sv,  ".war"sv, ".wsgi"sv, ".xml"sv, ".yaml"sv, ".yml"sv,
};

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::string_view stem_of(std::string_view path) {
  const std::string_view name = base_name(path);
  for (const std::string_view extension : kScriptExtensions) {
    if (name.size() > extension.size() && name.ends_with(extension)) {
      return name.substr(0, name.size() - extension.size());
    }
  }
  return name;
}

// Also what deployment tools make: releases/20240131120000, v1.2.3, lib/python3.11.
bool is_generic_directory(std::string_view name) {
  if (contains(kGenericDirectories, name)) return true;
  if (name.starts_with("python") && program_key(name) == "python") return true;
  if (name.starts_with('v')) name.remove_prefix(1);
  return name.find_first_not_of("0123456789._-") == std::string_view::npos;
}

}  // namespace

bool is_generic_stem(std::string_view stem) {
  return contains(kGenericStems, stem);
}

std::string absolute_path(std::string_view path, std::string_view cwd) {
  std::vector<std::string_view> parts;
  const bool relative = !path.starts_with('/');
  if (relative) parts = split(cwd, '/');
  for (const std::string_view part : split(path, '/')) {
    if (part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  std::string joined;
  for (const std::string_view part : parts) {
    if (!joined.empty() || !relative || cwd.starts_with('/')) joined += '/';
    joined += part;
  }
  return joined;
}

std::string name_from_directory(std::string_view path) {
  const std::vector<std::string_view> parts = split(path, '/');
  for (std::size_t i = parts.size(); i-- > 0;) {
    if (i == 1 && parts[0] == "home") return {};
    if (!is_generic_directory(parts[i])) return std::string(parts[i]);
  }
  return {};
}

std::string name_from_script(std::string_view path, std::string_view cwd) {
  const std::string_view stem = stem_of(path);
  if (is_generic_stem(stem)) {
    std::string name = name_from_directory(directory_of(absolute_path(path, cwd)));
    if (!name.empty()) return name;
  }
  return std::string(stem);
}

std::string name_from_module(std::string_view module, std::string_view directory) {
  module = module.substr(0, module.find_first_of(":("));
  const std::vector<std::string_view> parts = split(module, '.');
  std::size_t begin = 0;
  std::size_t end = parts.size();
  while (end > begin && is_generic_stem(parts[end - 1])) --end;
  while (begin < end && is_generic_directory(parts[begin])) ++begin;
  std::string name;
  for (std::size_t i = begin; i < end; ++i) {
    if (!name.empty()) name += '.';
    name += parts[i];
  }
  if (name.empty()) name = name_from_directory(directory);
  if (name.empty() && !parts.empty()) name = parts.back();
  return name;
}

}  // namespace kernspan::process
