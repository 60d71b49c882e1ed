// The few header fields whose values decide how a message is framed. Spec: RFC 9112 sections 6
// and 9.3.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace kernspan::http1 {

// Collects what the Content-Length, Transfer-Encoding and Connection fields of one head say.
class FramingFields {
 public:
  void add_content_length(std::string_view value);
  void add_transfer_encoding(std::string_view value);
  void add_connection(std::string_view value);

  // Transfer-Encoding overrides Content-Length, a wrong one included (RFC 9112 section 6.3).
  std::optional<std::uint64_t> content_length() const;
  // The last coding is chunked: only then does the coding delimit the message.
  bool chunked() const { return chunked_; }
  bool keep_alive(int version_minor) const;
  bool names_upgrade() const { return upgrade_; }

  // Why the length of the message cannot be known, as a counter's label; empty if it can.
  std::string_view fault(bool is_request) const;

 private:
  std::optional<std::uint64_t> content_length_;
  bool length_malformed_ = false;
  bool length_conflict_ = false;
  bool transfer_encoding_ = false;
  bool chunked_ = false;
  bool close_ = false;
  bool keep_alive_ = false;
  bool upgrade_ = false;
};

}  // namespace kernspan::http1
