#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include "agent/process/command_line.h"
#include "agent/process/name_parts.h"
#include "agent/process/naming_rules.h"

namespace kernspan::process {
namespace {

using namespace std::string_view_literals;

constexpr std::array kValuedOptions = {
    "-cp"sv,
    "-classpath"sv,
    "--class-path"sv,
    "-p"sv,
    "--module-path"sv,
    "--add-modules"sv,
    "--add-opens"sv,
    "--add-exports"sv,
    "--add-reads"sv,
    "--upgrade-module-path"sv,
    "--patch-module"sv,
    "--limit-modules"sv,
    "--source"sv,
    "--enable-native-access"sv,
};

struct KnownServer {
  std::string_view main_class_prefix;
  std::string_view name;
};

constexpr std::array kKnownServers = {
    KnownServer{"org.apache.catalina.", "tomcat"},
    KnownServer{"org.eclipse.jetty.", "jetty"},
    KnownServer{"org.jboss.modules.", "wildfly"},
    KnownServer{"com.sun.enterprise.glassfish.", "glassfish"},
    KnownServer{"kafka.Kafka", "kafka"},
    KnownServer{"org.apache.zookeeper.", "zookeeper"},
    KnownServer{"org.elasticsearch.", "elasticsearch"},
    KnownServer{"org.opensearch.", "opensearch"},
    KnownServer{"org.apache.cassandra.", "cassandra"},
    KnownServer{"org.apache.solr.", "solr"},
};

constexpr std::array kKnownJars = {
    KnownServer{"jboss-modules", "wildfly"},
    KnownServer{"payara-micro", "payara"},
    KnownServer{"jenkins", "jenkins"},
};

// Jars and classes that start a program that they are not.
constexpr std::array kGenericJars = {"spring-boot-application"sv, "quarkus-run"sv, "ROOT"sv};
constexpr std::array kGenericClasses = {
    "App"sv,      "Application"sv, "Boot"sv,    "Bootstrap"sv,          "JarLauncher"sv,
    "Launcher"sv, "Main"sv,        "Program"sv, "PropertiesLauncher"sv, "Runner"sv,
    "Server"sv,   "Start"sv,       "Starter"sv, "WarLauncher"sv,
};
constexpr std::array kGenericPackages = {
    "app"sv,    "application"sv, "boot"sv, "com"sv, "de"sv,  "dev"sv,    "io"sv,
    "launch"sv, "loader"sv,      "main"sv, "net"sv, "org"sv, "server"sv,
};
// What build tools append to the name of a jar that holds its dependencies.
constexpr std::array kJarSuffixes = {
    "-all"sv,    "-exec"sv,   "-fat"sv,
    "-runner"sv, "-shaded"sv, "-standalone"sv,
    "-uber"sv,   "-boot"sv,   "-jar-with-dependencies"sv,
};

bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

// "1.4.2", "v2", "20240131"; with "1" alone only as the last part: "log4j-2-demo" keeps its 2.
bool is_version(std::string_view part, bool last) {
  if (part.starts_with('v')) part.remove_prefix(1);
  if (part.empty() || !is_digit(part[0])) return false;
  return last || part.find('.') != std::string_view::npos ||
         (part.size() >= 4 && std::ranges::all_of(part, is_digit));
}

// "/opt/pricing-service-1.4.2-SNAPSHOT-exec.jar" -> "pricing-service"
std::string_view jar_stem(std::string_view path) {
  std::string_view stem = base_name(path);
  for (const std::string_view extension : {".jar", ".war"}) {
    if (stem.ends_with(extension)) stem.remove_suffix(extension.size());
  }
  for (std::size_t dash = stem.find('-'); dash != std::string_view::npos && dash > 0;
       dash = stem.find('-', dash + 1)) {
    const std::size_t end = std::min(stem.find('-', dash + 1), stem.size());
    if (is_version(stem.substr(dash + 1, end - dash - 1), end == stem.size())) {
      stem = stem.substr(0, dash);
      break;
    }
  }
  for (const std::string_view suffix : kJarSuffixes) {
    if (stem.size() > suffix.size() && stem.ends_with(suffix)) stem.remove_suffix(suffix.size());
  }
  return stem;
}

std::string name_from_jar(std::string_view path, std::string_view cwd) {
  const std::string_view stem = jar_stem(path);
  for (const KnownServer& server : kKnownJars) {
    if (stem == server.main_class_prefix) return std::string(server.name);
  }
  if (is_generic_stem(stem) || contains(kGenericJars, stem)) {
    std::string name = name_from_directory(directory_of(absolute_path(path, cwd)));
    if (!name.empty()) return name;
  }
  return std::string(stem);
}

// com.acme.Pricing -> Pricing; com.acme.shop.Main and com.acme.shop.MainKt -> shop.
std::string name_from_class(std::string_view main_class, std::string_view cwd) {
  for (const KnownServer& server : kKnownServers) {
    if (main_class.starts_with(server.main_class_prefix)) return std::string(server.name);
  }
  const std::size_t dot = main_class.rfind('.');
  std::string_view simple = main_class.substr(dot == std::string_view::npos ? 0 : dot + 1);
  if (simple.size() > 2 && simple.ends_with("Kt")) simple.remove_suffix(2);
  if (!contains(kGenericClasses, simple)) return std::string(simple);
  // Spring Boot's launchers start what is in the current directory.
  std::string_view package = main_class.starts_with("org.springframework.boot.loader.")
                                 ? std::string_view{}
                                 : main_class.substr(0, dot == std::string_view::npos ? 0 : dot);
  while (!package.empty()) {
    const std::size_t last = package.rfind('.');
    const std::string_view part = package.substr(last == std::string_view::npos ? 0 : last + 1);
    if (!contains(kGenericPackages, part)) return std::string(part);
    package = package.substr(0, last == std::string_view::npos ? 0 : last);
  }
  std::string name = name_from_directory(cwd);
  return name.empty() ? std::string(simple) : name;
}

}  // namespace

// Spec: java(1). Options end at -jar, -m or the main class.
std::string name_java(const Invocation& invocation) {
  const Args args = invocation.args;
  for (const std::string_view property :
       {"-Dotel.service.name", "-Dspring.application.name", "--spring.application.name"}) {
    const std::string_view name = option_value(args, {property});
    if (!name.empty()) return std::string(name);
  }
  for (std::size_t i = 1; i < args.size(); ++i) {
    const std::string_view arg = args[i];
    const std::string_view next = i + 1 < args.size() ? args[i + 1] : std::string_view{};
    if (arg == "-jar") {
      const bool jetty =
          base_name(next) == "start.jar" && std::ranges::any_of(args, [](std::string_view each) {
            return each.starts_with("-Djetty.") || each.starts_with("jetty.");
          });
      if (jetty) return "jetty";
      return next.empty() ? std::string{} : name_from_jar(next, invocation.cwd);
    }
    if (arg == "-m" || arg == "--module") {
      const std::size_t slash = next.find('/');
      const std::string_view target =
          slash == std::string_view::npos ? next : next.substr(slash + 1);
      return target.empty() ? std::string{} : name_from_class(target, invocation.cwd);
    }
    if (contains(kValuedOptions, arg)) {
      ++i;
    } else if (arg.ends_with(".java")) {
      return name_from_class(base_name(arg).substr(0, base_name(arg).size() - 5), invocation.cwd);
    } else if (!arg.starts_with('-') && !arg.starts_with('@') && !arg.empty()) {
      return name_from_class(arg, invocation.cwd);
    }
  }
  return {};
}

}  // namespace kernspan::process
