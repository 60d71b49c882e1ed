#include "tools/kernspan/probe/probe.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/base/duration.h"
#include "tools/kernspan/peer/peer_options.h"
#include "tools/kernspan/probe/config_targets.h"
#include "tools/kernspan/probe/endpoint.h"
#include "tools/kernspan/probe/network_steps.h"
#include "tools/kernspan/probe/otlp_step.h"
#include "tools/kernspan/probe/tls_step.h"

namespace kernspan::tools {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr long kDaysOfWarning = 14;  // before a certificate ends

struct ProbeOptions {
  PeerOptions peer;  // of each of the endpoints
  std::vector<std::string> endpoints;
  std::vector<std::string> configs;
  std::string timeout = "5s";
};

// Writes a line per step; remembers whether one has failed.
class Steps {
 public:
  void ok(const char* step, const std::string& text) { line("ok", step, text); }
  void warn(const char* step, const std::string& text) { line("warn", step, text); }
  void fail(const char* step, const std::string& text) {
    line("FAIL", step, text);
    failed_ = true;
  }
  void detail(const std::string& text) { fmt::print("              {}\n", text); }
  void begin() { began_ = std::chrono::steady_clock::now(); }
  bool failed() const { return failed_; }

 private:
  void line(const char* verdict, const char* step, const std::string& text) {
    const std::chrono::duration<double, std::milli> took =
        std::chrono::steady_clock::now() - began_;
    fmt::print("  {:<5} {:<5} {} ({:.1f} ms)\n", verdict, step, text, took.count());
    std::fflush(stdout);
  }

  std::chrono::steady_clock::time_point began_;
  bool failed_ = false;
};

// A connection to the first address that takes one.
std::optional<Connection> connect_to_any(Steps& steps, const Endpoint& endpoint,
                                         const std::vector<Address>& addresses,
                                         Milliseconds timeout) {
  std::optional<Connection> connected;
  for (const Address& address : addresses) {
    steps.begin();
    Result<Connection> connection = Connection::open(address, timeout);
    if (!connection) {
      steps.fail("tcp", fmt::format("{} port {}: {}", address.text, endpoint.port,
                                    connection.error().message));
      continue;
    }
    steps.ok("tcp", fmt::format("{} port {}", address.text, endpoint.port));
    if (!connected) connected.emplace(std::move(*connection));
  }
  return connected;
}

void show_chain(Steps& steps, const TlsReport& report) {
  for (const Certificate& certificate : report.chain) {
    std::string names;
    if (!certificate.names.empty()) {
      names = fmt::format(", for {}", fmt::join(certificate.names, " "));
    }
    steps.detail(fmt::format("{}{}; issued by {}; ends {}", certificate.subject, names,
                             certificate.issuer, certificate.not_after));
  }
}

std::string advice_for(const std::string& problem) {
  const auto says = [&problem](const char* word) {
    return problem.find(word) != std::string::npos;
  };
  if (says("self-signed") || says("self signed") || says("local issuer")) {
    return "; give the authority that signed it with --ca-file";
  }
  if (says("expired")) return "; renew it";
  if (says("mismatch")) return "; see the names below, or give the right one with --server-name";
  if (says("client certificate")) return "; give --cert-file and --key-file";
  if (says("unknown ca")) return "; the server does not know who signed the client certificate";
  if (says("wrong version number") || says("packet length")) {
    return "; the port does not speak TLS: try --insecure";
  }
  return "";
}

// Whether it is worth going on.
bool probe_tls(Steps& steps, const Connection& connection, const PeerOptions& peer,
               const std::string& host) {
  steps.begin();
  const Result<TlsReport> report = shake_hands(connection, peer, host);
  if (!report) {
    const std::string& message = report.error().message;
    steps.fail("tls", "no handshake: " + message + advice_for(message));
    return false;
  }
  const std::string session = fmt::format("{}, {}, ALPN {}", report->protocol, report->cipher,
                                          report->alpn.empty() ? "none" : report->alpn);
  const bool lacks_http2 = !peer.http && report->alpn != "h2";
  if (!report->problem.empty()) {
    steps.fail("tls", session + ": " + report->problem + advice_for(report->problem));
  } else if (lacks_http2) {
    steps.fail("tls", session + ": gRPC needs ALPN h2; something in between ends TLS");
  } else if (!report->chain.empty() && report->chain.front().days_left < kDaysOfWarning) {
    steps.warn("tls", fmt::format("{}: the certificate ends in {} days", session,
                                  report->chain.front().days_left));
  } else {
    steps.ok("tls", session);
  }
  show_chain(steps, *report);
  return report->problem.empty() && !lacks_http2;
}

void probe_otlp(Steps& steps, const PeerOptions& peer, Milliseconds timeout) {
  steps.begin();
  const Result<SendOutcome> outcome = offer_empty_request(peer, timeout);
  if (!outcome) return steps.fail("otlp", outcome.error().message);
  if (outcome->kind == SendOutcome::Kind::kSent) {
    return steps.ok("otlp", "took a request without spans");
  }
  const bool later = outcome->kind == SendOutcome::Kind::kRetryable;
  steps.fail("otlp", fmt::format("{}: {}", later ? "not taken now" : "refused", outcome->message));
}

int probe_peer(PeerOptions peer, Milliseconds limit) {
  const Result<Endpoint> endpoint = parse_endpoint(peer.endpoint);
  if (!endpoint) {
    fmt::print(stderr, "{}: {}\n", peer.endpoint, endpoint.error().message);
    return 2;
  }
  peer.http = peer.http || !endpoint->path.empty() || endpoint->port == "4318";
  peer.insecure = peer.insecure || endpoint->is_plain;
  fmt::print("{}: OTLP over {}, {}\n", peer.endpoint, peer.http ? "HTTP" : "gRPC",
             peer.insecure ? "in the clear" : "TLS");
  Steps steps;
  steps.begin();
  const Result<std::vector<Address>> addresses = resolve(*endpoint);
  if (!addresses) {
    steps.fail("dns", addresses.error().message);
    return 1;
  }
  std::vector<std::string> texts;
  for (const Address& address : *addresses) texts.push_back(address.text);
  steps.ok("dns", fmt::format("{}: {}", endpoint->host, fmt::join(texts, ", ")));
  const std::optional<Connection> connection = connect_to_any(steps, *endpoint, *addresses, limit);
  if (!connection) return 1;
  if (!peer.insecure && !probe_tls(steps, *connection, peer, endpoint->host)) return 1;
  probe_otlp(steps, peer, limit);
  return steps.failed() ? 1 : 0;
}

// The exporters of the configurations behind the endpoints of the command line.
Result<std::vector<ConfigTarget>> targets_of(ProbeOptions& options) {
  std::vector<ConfigTarget> targets;
  if (const Status read = add_token_of_file(options.peer); !read) {
    return std::unexpected(read.error());
  }
  for (const std::string& endpoint : options.endpoints) {
    targets.push_back({.exporter = "", .peer = options.peer});
    targets.back().peer.endpoint = endpoint;
  }
  if (!options.configs.empty()) {
    Result<std::vector<ConfigTarget>> found = config_targets(options.configs);
    if (!found) return found;
    std::ranges::move(*found, std::back_inserter(targets));
  }
  if (targets.empty()) return permanent("name an endpoint, or --config");
  return targets;
}

int probe(ProbeOptions options) {
  const auto timeout = parse_duration(options.timeout);
  if (!timeout || *timeout < Milliseconds{1}) {
    fmt::print(stderr, "--timeout: expected a duration such as 5s\n");
    return 2;
  }
  const Result<std::vector<ConfigTarget>> targets = targets_of(options);
  if (!targets) {
    fmt::print(stderr, "{}\n", targets.error().message);
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  int worst = 0;
  for (const ConfigTarget& target : *targets) {
    if (!target.exporter.empty()) fmt::print("exporters::{}, ", target.exporter);
    if (!target.not_probed.empty()) {
      fmt::print("{}: not probed: {}\n", target.peer.endpoint, target.not_probed);
      worst = std::max(worst, 1);
      continue;
    }
    std::fflush(stdout);
    worst = std::max(worst,
                     probe_peer(target.peer, std::chrono::duration_cast<Milliseconds>(*timeout)));
  }
  return worst;
}

}  // namespace

std::function<int()> declare_probe(CLI::App& app) {
  auto options = std::make_shared<ProbeOptions>();
  app.add_option("ENDPOINT", options->endpoints, "host:port, or a URL; several are probed in turn");
  app.add_option(
      "--config", options->configs,
      "Probe the OTLP exporters of a configuration, with their certificates, headers and "
      "tokens: a file, env:VARIABLE or yaml:TEXT; repeat to merge several in order");
  declare_peer_options(app, options->peer);
  app.add_option("--timeout", options->timeout, "Of each step")->capture_default_str();
  app.footer(
      "Exit code: 0 all steps passed, 1 one did not, 2 an endpoint or a file cannot be read.");
  return [options] { return probe(*options); };
}

}  // namespace kernspan::tools
