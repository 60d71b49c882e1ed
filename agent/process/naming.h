// How a service that nobody named gets its name. In this order:
//
//  1. OTEL_SERVICE_NAME
//  2. service.name of OTEL_RESOURCE_ATTRIBUTES
//  3. what the program was told to run, by the kind of program (naming.cc has the table):
//       application servers    the application: gunicorn, uwsgi, uvicorn, hypercorn, daphne,
//       waitress,
//                              celery, flask, django; --name and the like first
//       interpreters           the script or module: python, node, ruby, php, perl, shells
//       java                   -Dotel.service.name, -Dspring.application.name, the jar without its
//                              version, the known server (tomcat, jetty, ...), the main class's
//                              simple name
//       several programs in one executable (busybox, toybox)   the applet
//       loaders and emulators (ld.so, qemu-<arch>)             the program they run
//  4. the executable's name
//  5. "unknown_service:<name>" where only the name of a thread, or an interpreter without a script,
//  is
//     known; "unknown_service" where nothing is (OpenTelemetry SDKs do the same)
//
// A script's name says little when it is generic (app.py, main.js, manage.py, ...): then the name
// of its directory is taken, going up past directories that are generic too (src, bin, dist, ...).
// When there is nothing left, as for /app/main.py, the script's name stays: "main".
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/base/error.h"

namespace kernspan::process {

// What the rules look at. Raw bytes: nothing here needs to be UTF-8.
struct ProcessFacts {
  std::string executable_path;  // may end in " (deleted)"; empty when not readable
  std::string comm;             // the kernel's 15 bytes of name
  std::vector<std::string> args;
  std::string cwd;  // resolves relative script paths; may be empty
  // The only variables of the environment that are ever kept.
  std::string otel_service_name;
  std::string otel_resource_attributes;
  std::string flask_app;
};

// Valid UTF-8, never empty, at most 255 bytes.
std::string service_name_for(const ProcessFacts& facts);

// OTEL_RESOURCE_ATTRIBUTES: key=value pairs, separated by commas, percent-encoded. One bad pair
// makes the whole value invalid, as the specification asks. At most 64 pairs are taken. Spec:
// OpenTelemetry specification, resource/sdk.md, "Specifying resource information via an environment
// variable".
Result<std::vector<std::pair<std::string, std::string>>> parse_resource_attributes(
    std::string_view text);

}  // namespace kernspan::process
