// How a service that nobody named gets its name. In this order:
//
//  1. OTEL_SERVICE_NAME
//  2. service.name of OTEL_RESOURCE_ATTRIBUTES
//  3. what the program was told to run, by the kind of program (naming.cc has the table):
//       application servers    --name and the like, else the application: gunicorn, uwsgi, uvicorn,
//                              hypercorn, daphne, waitress, celery, flask, django, puma, unicorn,
//                              rails
//       interpreters           the script or module: python, node, ruby, php, perl, shells, dotnet
//       java                   -Dotel.service.name, -Dspring.application.name, the known server
//                              (tomcat, jetty, ...), the jar without its version, or the main
//                              class's simple name (com.acme.Pricing -> Pricing; com.acme.shop.Main
//                              -> shop)
//       several programs in one executable (busybox, toybox)   the applet
//       loaders and emulators (ld.so, qemu-<arch>)             the program they run
//     A title that the program gave itself ("gunicorn: worker [shop]", "puma 6.0 (...) [shop]")
//     comes first where its form is known; otherwise the arguments of its exec do, if the kernel
//     side saw them.
//  4. the executable's name
//  5. "unknown_service:<name>" where there is only the name of a thread, or an interpreter without
//  a
//     script; "unknown_service" where there is nothing (OpenTelemetry SDKs do the same)
//
// A script's name says little when it is generic (app.py, main.js, manage.py, ...): then the name
// of its directory is taken, going up past directories that are generic too (src, bin, dist, ...).
// When there is nothing left, as for /app/main.py, the script's name stays: "main". A compiled
// program keeps the name of its file, generic or not.
#pragma once

#include <string>
#include <vector>

namespace kernspan::process {

// What the rules look at. Raw bytes: nothing here needs to be UTF-8.
struct ProcessFacts {
  std::string executable_path;  // may end in " (deleted)"; empty when not readable
  std::string comm;             // the kernel's 15 bytes of name
  std::vector<std::string> args;
  bool args_truncated = false;  // the last of args may be cut: it is not looked at
  // The arguments of the exec, where they were seen and args may have been overwritten since.
  std::vector<std::string> exec_args;
  std::string cwd;  // resolves relative script paths; may be empty
  // The only variables of the environment that are ever kept.
  std::string otel_service_name;
  std::string otel_resource_attributes;
  std::string flask_app;
};

// Valid UTF-8 without control characters, never empty, at most 255 bytes.
std::string service_name_for(const ProcessFacts& facts);

// What the environment says of it, points 1 and 2; empty: nothing.
std::string configured_service_name(const ProcessFacts& facts);

// Whether this is one of the processes that Python's multiprocessing starts anew (python -c ...),
// which do their parent's work: uvicorn's workers.
bool is_spawned_worker(const ProcessFacts& facts);

// Whether the program whose exec had these arguments is one that overwrites its arguments and
// environment soon after (setproctitle): what is to be known of it must be read before.
bool rewrites_its_title(const std::vector<std::string>& exec_args);

}  // namespace kernspan::process
