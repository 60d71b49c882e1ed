#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/error.h"
#include "pipeline/ottl/value.h"

namespace kernspan::ottl {

// A format of times in the manner of strptime(3), with upstream's directives: %Y %y %m %o %q %b %h %B
// %d %e %g %a %A %H %I %l %p %P %M %S %L %f %s %z %Z %i %j %k %w %D %x %F %T %X %r %R %n %t %% %c.
// Immutable; any thread.
class TimeLayout {
 public:
  static Result<TimeLayout> create(std::string_view format);

  std::string format(const Time& time) const;

  // The whole text must be in the format. Without %z or %Z, and with a %Z that no zone is named
  // after, the time is one of `zone` (a name of the system's database, "" for the local one). A
  // time without a year is of this year, or, when that would be more than 7 days ahead of `now_ns`,
  // of the last.
  Result<Time> parse(std::string_view text, std::string_view zone, std::int64_t now_ns) const;

  struct Element {
    char directive = 0;  // 0: a literal
    char separator = 0;  // of a fraction of a second: the '.' or ',' in front, which goes with it
    std::string literal = {};
  };

 private:
  std::string text_;
  std::vector<Element> elements_;
};

}  // namespace kernspan::ottl
