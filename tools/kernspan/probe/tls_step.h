// The third step of a probe: the handshake, and whether the certificate is one to trust.
#pragma once

#include <string>
#include <vector>

#include "pipeline/base/error.h"
#include "tools/kernspan/peer/peer_options.h"
#include "tools/kernspan/probe/network_steps.h"

namespace kernspan::tools {

struct Certificate {
  std::string subject;
  std::string issuer;
  std::vector<std::string> names;  // DNS names and addresses that it is good for
  std::string not_after;           // "2027-01-31 12:00:00Z"
  long days_left = 0;              // negative: expired
};

struct TlsReport {
  std::string protocol;  // "TLSv1.3"
  std::string cipher;
  std::string alpn;                // "h2"; empty: the server chose none
  std::vector<Certificate> chain;  // as the server sent it, its own first
  std::string problem;             // why the certificate is not to be trusted; empty: it is
};

// Shakes hands as a gRPC or HTTP client would. An untrusted certificate is a report with a problem;
// an error means that there was no handshake.
Result<TlsReport> shake_hands(const Connection& connection, const PeerOptions& options,
                              const std::string& host);

}  // namespace kernspan::tools
