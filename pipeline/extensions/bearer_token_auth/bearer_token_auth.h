// Type `bearertokenauth`: what `auth: {authenticator: bearertokenauth}` names at receivers, which
// ask for the token, and at exporters, which send it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "pipeline/component/authentication.h"
#include "pipeline/component/factory.h"
#include "pipeline/extensions/bearer_token_auth/token_set.h"

namespace kernspan {

// Keys: scheme (Bearer), token, tokens, filename, header (Authorization).
ExtensionFactory bearer_token_auth_extension_factory();

struct BearerTokenSettings {
  std::string scheme = "Bearer";
  std::vector<std::string> tokens;
  std::string filename;                  // comes before the tokens
  std::string header = "authorization";  // in lower case
  // The file is read this often and compared with what it was: that sees every kind of change,
  // the symbolic links of a Kubernetes secret and network file systems included.
  std::chrono::nanoseconds reload_interval = std::chrono::seconds(1);
};

class BearerTokenAuth final : public Extension,
                              public ServerAuthenticator,
                              public ClientAuthenticator {
 public:
  BearerTokenAuth(const ComponentContext& context, BearerTokenSettings settings);
  ~BearerTokenAuth() override;

  // With a filename: reads it, and fails when it has no token.
  Status start() override;
  void stop(std::chrono::steady_clock::time_point deadline) override;

  Status authenticate(const RequestHeaders& headers) const override;
  Result<std::vector<Header>> request_headers() const override;
  bool requires_tls() const override { return true; }

 private:
  using Tokens = std::shared_ptr<const TokenSet>;

  void run();
  void reload();
  Result<TokenSet> read_file() const;
  Tokens tokens() const;

  const std::string path_;
  const BearerTokenSettings settings_;
  Counter& reloads_;
  Counter& reload_failures_;
  Counter& rejected_;

  mutable std::mutex mutex_;  // guards what follows
  Tokens tokens_;             // null before start()
  std::condition_variable stopping_;
  bool running_ = false;
  std::thread thread_;
};

}  // namespace kernspan
