#include "pipeline/ottl/functions/go_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "pipeline/ottl/functions/go_verbs.h"

namespace kernspan::ottl {
namespace {

// Go's own limit of widths and precisions.
constexpr int kMaxWidth = 1'000'000;

class Formatter {
 public:
  Formatter(std::string_view format, std::span<const Value> arguments)
      : format_(format), arguments_(arguments) {}

  Result<std::string> run() {
    while (at_ < format_.size()) {
      const std::size_t percent = std::min(format_.find('%', at_), format_.size());
      out_ += format_.substr(at_, percent - at_);
      at_ = percent + 1;
      if (percent == format_.size()) break;
      format_directive();
      if (out_.size() > kMaxFormatted) {
        return permanent(fmt::format("the formatted text has more than {} bytes", kMaxFormatted));
      }
    }
    if (next_ < arguments_.size()) append_extra();
    return std::move(out_);
  }

 private:
  void format_directive() {
    Directive directive;
    read_flags(directive);
    directive.width = read_number();
    if (directive.width && *directive.width < 0) {
      directive.minus = true;
      directive.width = -*directive.width;
    }
    if (peek() == '.') {
      ++at_;
      directive.precision = std::max(read_number().value_or(0), 0);
    }
    if (at_ >= format_.size()) {
      out_ += "%!(NOVERB)";
      return;
    }
    directive.verb = format_[at_++];
    if (directive.minus) directive.zero = false;
    if (directive.verb == '%') {
      out_ += '%';
    } else if (next_ == arguments_.size()) {
      out_ += fmt::format("%!{}(MISSING)", directive.verb);
    } else {
      out_ += format_value(arguments_[next_++], directive);
    }
  }

  void read_flags(Directive& directive) {
    for (; at_ < format_.size(); ++at_) {
      switch (format_[at_]) {
        case '+':
          directive.plus = true;
          break;
        case '-':
          directive.minus = true;
          break;
        case '#':
          directive.sharp = true;
          break;
        case ' ':
          directive.space = true;
          break;
        case '0':
          directive.zero = true;
          break;
        default:
          return;
      }
    }
  }

  std::optional<int> read_number() {
    if (peek() == '*') {
      ++at_;
      const Value* const value = next_ < arguments_.size() ? &arguments_[next_++] : nullptr;
      const bool fits = value != nullptr && value->is(ValueType::kInt) &&
                        value->as_int() <= kMaxWidth && value->as_int() >= -kMaxWidth;
      if (!fits) {
        out_ += "%!(BADWIDTH)";
        return std::nullopt;
      }
      return static_cast<int>(value->as_int());
    }
    std::optional<int> number;
    for (; peek() >= '0' && peek() <= '9'; ++at_) {
      number = std::min(number.value_or(0) * 10 + (peek() - '0'), kMaxWidth);
    }
    return number;
  }

  void append_extra() {
    out_ += "%!(EXTRA ";
    for (std::size_t i = next_; i < arguments_.size(); ++i) {
      if (i != next_) out_ += ", ";
      const Value& value = arguments_[i];
      out_ += value.is_nil() ? "<nil>"
                             : fmt::format("{}={}", go_type_name(value), format_value(value, {}));
    }
    out_ += ')';
  }

  char peek() const { return at_ < format_.size() ? format_[at_] : '\0'; }

  std::string_view format_;
  std::span<const Value> arguments_;
  std::size_t at_ = 0;
  std::size_t next_ = 0;
  std::string out_;
};

}  // namespace

Result<std::string> go_format(std::string_view format, std::span<const Value> arguments) {
  return Formatter(format, arguments).run();
}

}  // namespace kernspan::ottl
