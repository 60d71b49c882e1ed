#include "pipeline/extensions/bearer_token_auth/bearer_token_auth.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/component/config_reader.h"

namespace kernspan {
namespace {

// Far more than 1000 tokens; a wrong path (a log, a device) must not fill the memory.
constexpr std::size_t kLargestFileBytes = 1 << 20;

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return text;
}

Result<std::unique_ptr<Extension>> create(const ConfigNode& node, const ComponentContext& context) {
  BearerTokenSettings settings;
  std::string token;
  ConfigReader reader(node, context.warnings, context.path);
  reader.string("scheme", &settings.scheme);
  reader.secret("token", &token);
  reader.string_list("tokens", &settings.tokens);
  reader.string("filename", &settings.filename);
  reader.string("header", &settings.header);
  settings.header = lower(settings.header);
  if (settings.header.empty()) reader.error("header", "must not be empty");
  const bool has_tokens = !token.empty() || !settings.tokens.empty();
  if (!token.empty() && !settings.tokens.empty()) {
    reader.error("token", "either tokens or token should be provided, not both");
  }
  if (!token.empty()) settings.tokens.push_back(token);
  if (!settings.filename.empty() && has_tokens) {
    reader.warning("filename", "a filename is specified. Configured token(s) is ignored!");
  }
  if (settings.filename.empty()) {
    if (const auto set = TokenSet::create(settings.scheme, settings.tokens); !set) {
      reader.error("token", set.error().message + "; set token, tokens or filename");
    }
  }
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return std::make_unique<BearerTokenAuth>(context, std::move(settings));
}

Counter& counter(const ComponentContext& context, const char* what, const char* help) {
  return context.metrics.counter(fmt::format("kernspan_extension_bearertokenauth_{}", what), help,
                                 {{"extension", context.id}});
}

}  // namespace

BearerTokenAuth::BearerTokenAuth(const ComponentContext& context, BearerTokenSettings settings)
    : path_(context.path),
      settings_(std::move(settings)),
      reloads_(counter(context, "reloads", "Times that the token file was read and had changed.")),
      reload_failures_(counter(context, "reload_failures",
                               "Times that the token file could not be read, or had no token.")),
      rejected_(counter(context, "rejected_requests",
                        "Requests without the header, or with another value.")) {}

BearerTokenAuth::~BearerTokenAuth() {
  stop(std::chrono::steady_clock::now());
}

Status BearerTokenAuth::start() {
  Result<TokenSet> tokens = settings_.filename.empty()
                                ? TokenSet::create(settings_.scheme, settings_.tokens)
                                : read_file();
  if (!tokens) return std::unexpected(tokens.error());
  const std::scoped_lock lock(mutex_);
  tokens_ = std::make_shared<const TokenSet>(*std::move(tokens));
  if (settings_.filename.empty()) return {};
  running_ = true;
  thread_ = std::thread([this] { run(); });
  return {};
}

void BearerTokenAuth::stop(std::chrono::steady_clock::time_point) {
  {
    const std::scoped_lock lock(mutex_);
    running_ = false;
    stopping_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void BearerTokenAuth::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_.wait_for(lock, settings_.reload_interval, [this] { return !running_; })) {
    lock.unlock();
    reload();
    lock.lock();
  }
}

// What cannot be read changes nothing: a file that is being replaced must not lock everybody out.
void BearerTokenAuth::reload() {
  Result<TokenSet> read = read_file();
  if (!read) {
    reload_failures_.add();
    KERNSPAN_LOG_LIMITED(kWarn, "{}: the tokens stay as they were: {}", path_,
                         read.error().message);
    return;
  }
  if (*read == *tokens()) return;
  const std::size_t count = read->size();
  {
    const std::scoped_lock lock(mutex_);
    tokens_ = std::make_shared<const TokenSet>(*std::move(read));
  }
  reloads_.add();
  log_info("{}: {} has changed, {} tokens are valid now", path_, settings_.filename, count);
}

Result<TokenSet> BearerTokenAuth::read_file() const {
  errno = 0;
  std::ifstream file(settings_.filename, std::ios::binary);
  std::string text;
  std::array<char, 4096> piece;
  while (text.size() <= kLargestFileBytes &&
         (file.read(piece.data(), piece.size()) || file.gcount() > 0)) {
    text.append(piece.data(), static_cast<std::size_t>(file.gcount()));
  }
  if (!file.is_open() || file.bad()) {
    return permanent(fmt::format("the token file {} cannot be read: {}", settings_.filename,
                                 errno == 0 ? "it is no file" : std::strerror(errno)));
  }
  if (text.size() > kLargestFileBytes) {
    return permanent(fmt::format("the token file {} is larger than {} bytes", settings_.filename,
                                 kLargestFileBytes));
  }
  Result<TokenSet> tokens = TokenSet::from_lines(settings_.scheme, text);
  if (!tokens) {
    return permanent(
        fmt::format("the token file {}: {}", settings_.filename, tokens.error().message));
  }
  return tokens;
}

BearerTokenAuth::Tokens BearerTokenAuth::tokens() const {
  const std::scoped_lock lock(mutex_);
  return tokens_;
}

Status BearerTokenAuth::authenticate(const RequestHeaders& headers) const {
  const Tokens valid = tokens();
  if (valid == nullptr) return permanent(path_ + " is not running");
  const std::optional<std::string_view> value = headers(settings_.header);
  if (!value || value->empty()) {
    rejected_.add();
    return permanent(fmt::format("missing or empty authorization header: {}", settings_.header));
  }
  if (!valid->contains(*value)) {
    rejected_.add();
    return permanent("scheme or token does not match");
  }
  return {};
}

Result<std::vector<ClientAuthenticator::Header>> BearerTokenAuth::request_headers() const {
  const Tokens valid = tokens();
  if (valid == nullptr) return retryable(path_ + " is not running");
  return std::vector<Header>{{settings_.header, valid->first()}};
}

ExtensionFactory bearer_token_auth_extension_factory() {
  return {.type = "bearertokenauth", .create = create};
}

}  // namespace kernspan
