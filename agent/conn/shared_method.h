#pragma once

#include "agent/conn/exchange.h"

namespace kernspan {

// The two ends of one HTTP/2 request have the same header block, but on connections older than the agent what it
// refers to may be known of one end only, from its program. Gives a method that one end has to the end that
// has none. Returns whether it did.
bool share_method(Exchange& client, Exchange& server);

}  // namespace kernspan
