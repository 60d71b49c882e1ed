// A request and answers to it, as programs write them.
#pragma once

#include <string_view>

namespace kernspan {

inline constexpr std::string_view kGet =
    "GET /cart?token=secret HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: story/1\r\n\r\n";
inline constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
inline constexpr std::string_view kNotFound = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
inline constexpr std::string_view kChunked =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

}  // namespace kernspan
