#pragma once

#include "tools/kernspan/traces/waterfall.h"

namespace kernspan::tools {

// How to draw on the standard output: the terminal's width (else $COLUMNS, else 100), colour on a
// terminal only and not with NO_COLOR (no-color.org) or TERM=dumb, lines and bars in Unicode where
// the locale is UTF-8.
WaterfallStyle standard_output_style();

}  // namespace kernspan::tools
