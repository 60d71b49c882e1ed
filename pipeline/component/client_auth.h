#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pipeline/component/authentication.h"
#include "pipeline/component/config_reader.h"
#include "pipeline/component/extensions.h"

namespace kernspan {

// Reads an exporter's `auth: {authenticator: ID}` and finds the extension; null without `auth`.
// Problems go to the reader, among them headers that must not travel in the clear when `plaintext`.
const ClientAuthenticator* read_client_auth(ConfigReader& reader, const Extensions& extensions,
                                            bool plaintext);

// Whether a header of a request may look like this, over HTTP/1, HTTP/2 and gRPC: no line breaks,
// nothing beyond ASCII. Libraries below abort, or let a second header in, where it does not.
bool is_header_name(std::string_view name);
bool is_header_value(std::string_view value);

// The authenticator's headers for the next request, checked. A retryable error says what is wrong,
// without the values.
Result<std::vector<ClientAuthenticator::Header>> auth_headers(const ClientAuthenticator* auth);

}  // namespace kernspan
