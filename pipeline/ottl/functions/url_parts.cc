#include "pipeline/ottl/functions/url_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "pipeline/base/percent_encoding.h"
#include "pipeline/ottl/functions/text_case.h"

namespace kernspan::ottl {
namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_number(char c) {
  return c >= '0' && c <= '9';
}

// Takes the URL apart from the front; each step leaves what is behind it.
class UrlReader {
 public:
  explicit UrlReader(std::string_view url) : url_(url), left_(url) {}

  Result<UrlParts> run() {
    for (const char c : url_) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
        return refuse("invalid control character in URL");
      }
    }
    if (Status read = read_parts(); !read) return std::unexpected(read.error());
    return std::move(parts_);
  }

 private:
  std::unexpected<Error> refuse(std::string_view why) const {
    return permanent(fmt::format("parsing the URL: {}", why));
  }

  Status read_parts() {
    if (const std::size_t hash = left_.find('#'); hash != std::string_view::npos) {
      if (Status read = decode(left_.substr(hash + 1), parts_.fragment); !read) return read;
      left_ = left_.substr(0, hash);
    }
    if (Status read = read_scheme(); !read) return read;
    if (const std::size_t mark = left_.find('?'); mark != std::string_view::npos) {
      parts_.query = left_.substr(mark + 1);
      left_ = left_.substr(0, mark);
    }
    if (!left_.starts_with('/')) {
      if (!parts_.scheme.empty()) return {};  // "mailto:a@b": nothing of it is a part
      if (left_.substr(0, left_.find('/')).find(':') != std::string_view::npos) {
        return refuse("first path segment in URL cannot contain colon");
      }
    }
    const bool has_authority =
        left_.starts_with("//") && (!parts_.scheme.empty() || !left_.starts_with("///"));
    if (has_authority) {
      if (Status read = read_authority(); !read) return read;
    }
    return decode(left_, parts_.path);
  }

  Status read_scheme() {
    for (std::size_t i = 0; i < left_.size(); ++i) {
      const char c = left_[i];
      if (is_letter(c)) continue;
      if (i > 0 && (is_number(c) || c == '+' || c == '-' || c == '.')) continue;
      if (c != ':') return {};
      if (i == 0) return refuse("missing protocol scheme");
      parts_.scheme = lower_case(left_.substr(0, i));
      left_.remove_prefix(i + 1);
      return {};
    }
    return {};
  }

  Status read_authority() {
    left_.remove_prefix(2);
    std::string_view authority = left_.substr(0, left_.find('/'));
    left_.remove_prefix(authority.size());
    if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
      if (Status read = read_user(authority.substr(0, at)); !read) return read;
      authority.remove_prefix(at + 1);
    }
    return read_host(authority);
  }

  Status read_user(std::string_view user_info) {
    parts_.user_info = user_info;
    const std::size_t colon = user_info.find(':');
    if (Status read = decode(user_info.substr(0, colon), parts_.user); !read) return read;
    if (colon == std::string_view::npos) return {};
    parts_.password.emplace();
    return decode(user_info.substr(colon + 1), *parts_.password);
  }

  Status read_host(std::string_view host) {
    std::string_view port;
    if (host.starts_with('[')) {
      const std::size_t end = host.find(']');
      if (end == std::string_view::npos) return refuse("missing ']' in host");
      port = host.substr(end + 1);
      host = host.substr(1, end - 1);
    } else if (const std::size_t colon = host.rfind(':'); colon != std::string_view::npos) {
      port = host.substr(colon);
      host = host.substr(0, colon);
    }
    if (host.find(' ') != std::string_view::npos) {
      return refuse("invalid character \" \" in host name");
    }
    if (Status read = read_port(port); !read) return read;
    return decode(host, parts_.host);
  }

  // With its colon; a colon alone is no port.
  Status read_port(std::string_view port) {
    if (port.empty()) return {};
    const std::string_view digits = port.substr(1);
    if (port[0] != ':' || !std::all_of(digits.begin(), digits.end(), is_number)) {
      return refuse("invalid port after host");
    }
    if (digits.empty()) return {};
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc()) return refuse("port is too large");
    parts_.port = number;
    return {};
  }

  Status decode(std::string_view text, std::string& decoded) const {
    std::optional<std::string> result = percent_decoded(text);
    if (!result) return refuse("invalid URL escape");
    decoded = *std::move(result);
    return {};
  }

  std::string_view url_;
  std::string_view left_;
  UrlParts parts_;
};

}  // namespace

Result<UrlParts> parse_url(std::string_view url) {
  return UrlReader(url).run();
}

}  // namespace kernspan::ottl
