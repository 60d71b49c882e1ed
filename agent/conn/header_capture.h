// Which header fields are captured, and what was captured of them.
//
// Nothing is unless the configuration names it. What is captured stands in memory only, until the
// span is written: then the rules of the process say what is shown, and what is redacted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kernspan {

// Names of header fields. Immutable.
class HeaderNames {
 public:
  HeaderNames() = default;
  // In whatever case; repeated ones count once.
  explicit HeaderNames(const std::vector<std::string>& names);

  // The name in lower case; null if it is not one of these. Valid as long as this object.
  const std::string* find(std::string_view name) const;
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  bool empty() const { return names_.empty(); }
  const std::vector<std::string>& names() const { return names_; }

  bool operator==(const HeaderNames&) const = default;

 private:
  static std::uint64_t size_bit(std::size_t size) { return 1ull << (size < 63 ? size : 63); }

  std::vector<std::string> names_;  // lower case, sorted
  std::uint64_t sizes_ = 0;         // of the names, a bit each: most fields are told by their size
};

// What any of the rules allows.
struct HeaderCapture {
  HeaderNames request;
  HeaderNames response;

  bool empty() const { return request.empty() && response.empty(); }
};

// What is captured at a time, over all exchanges, and what did not fit.
struct HeaderBudget {
  // A request that has all its bounds full takes 32 KiB; 512 of these are more than a node has open.
  static constexpr std::size_t kBytesMax = 16u << 20;

  std::size_t bytes = 0;
  // Values that are not shown: longer than kValueBytesMax, more than kValuesMax, beyond kBytesMax.
  std::uint64_t too_long = 0;
  std::uint64_t too_many = 0;
  std::uint64_t no_room = 0;
};

struct CapturedHeader {
  bool of_response = false;
  std::string name;  // lower case
  std::string value;
};

// The captured fields of one exchange, in the order of the wire.
class CapturedHeaders {
 public:
  // Servers take 8 KiB by default. A value is kept whole or not at all: of half a secret no pattern
  // knows that it is one.
  static constexpr std::size_t kValueBytesMax = 8192;
  static constexpr std::size_t kValuesMax = 64;

  // `budget` outlives this.
  explicit CapturedHeaders(HeaderBudget& budget) : budget_(budget) {}
  ~CapturedHeaders() { budget_.bytes -= bytes_; }
  CapturedHeaders(const CapturedHeaders&) = delete;
  CapturedHeaders& operator=(const CapturedHeaders&) = delete;

  void add(bool of_response, const std::string& name, std::string_view value);

  const std::vector<CapturedHeader>& fields() const { return fields_; }

 private:
  HeaderBudget& budget_;
  std::size_t bytes_ = 0;
  std::vector<CapturedHeader> fields_;
};

}  // namespace kernspan
