// Errors as values: every function that can fail returns Result<T> or Status.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace kernspan {

// What the caller may do about it. Export errors are retryable or permanent, nothing else.
enum class ErrorKind {
  kPermanent,  // the same call will fail again
  kRetryable,  // the same call may succeed later
};

struct Error {
  ErrorKind kind = ErrorKind::kPermanent;
  std::string message;  // what is wrong, where, and what to do about it; no secrets
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

inline std::unexpected<Error> permanent(std::string message) {
  return std::unexpected(Error{ErrorKind::kPermanent, std::move(message)});
}

inline std::unexpected<Error> retryable(std::string message) {
  return std::unexpected(Error{ErrorKind::kRetryable, std::move(message)});
}

}  // namespace kernspan
