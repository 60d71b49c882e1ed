// What a span shows of its request, by configuration: the same for all protocols.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "agent/conn/header_capture.h"
#include "agent/span/path_template.h"
#include "agent/span/redaction.h"

namespace kernspan {

struct SpanOptions {
  // url.query and the query part of url.full: off, because queries carry tokens and personal data.
  bool url_query = false;

  // Header fields and metadata that are shown, if they were captured (agent/conn/header_capture.h).
  HeaderNames request_headers;
  HeaderNames response_headers;
  // Of them, sensitive ones (is_sensitive_header) whose values are shown all the same.
  HeaderNames revealed_headers;
  std::size_t header_value_bytes = 256;

  std::shared_ptr<const Redaction> redaction = Redaction::standard();  // never null

  std::shared_ptr<const PathTemplates> templates;  // null: none
  bool guess_templates = false;
  std::size_t guessed_templates_max = 100;  // of one service
  // url.path and url.full show the template, where there is one.
  bool replace_path = false;

  bool has_templates() const { return templates || guess_templates; }
};

// The service at the other end of a connection: service.peer.* of the semantic conventions.
struct PeerService {
  std::string name;
  std::string namespace_name;
};

// What a span writer is told about the exchange's process, and its peer.
struct SpanContext {
  const SpanOptions& options;
  std::string_view service;           // whose templates are bounded together
  const PeerService* peer = nullptr;  // null: not known
};

struct SpanContentCounters {
  std::uint64_t header_values_cut = 0;
  std::uint64_t header_values_redacted = 0;  // because of their name
  std::uint64_t templates_bounded = 0;       // spans that show kAnyPath for want of room
};

}  // namespace kernspan
