// The `http` section of the `ebpf` receiver and of its selectors: what spans show of requests.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "agent/span/span_options.h"
#include "pipeline/component/config_reader.h"

namespace kernspan {

struct SpanSettings {
  bool url_query = false;
  std::vector<std::string> request_headers;
  std::vector<std::string> response_headers;
  std::vector<std::string> reveal_headers;
  std::size_t header_value_bytes = 256;
  RedactionSettings redaction;
  std::vector<std::string> routes;
  bool guess_templates = false;
  std::size_t guessed_templates_max = 100;
  bool replace_path = false;

  // What a section says, over what is there: of lists the new one counts, but what is redacted only
  // grows. Problems are the reader's.
  void read(ConfigReader& reader);
  // After read(): everything was checked there.
  SpanOptions options() const;
};

}  // namespace kernspan
