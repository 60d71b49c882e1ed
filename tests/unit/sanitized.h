#pragma once

namespace kernspan {

// Whether a sanitizer watches this program: then its memory is not what users will see, and it is
// several times slower.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace kernspan
