// A server that answers as soon as it runs: its listening socket comes as standard input, from a
// parent who has connected and sent the request already. Serves one request and ends.
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string_view>

int main() {
  const int connection = ::accept(STDIN_FILENO, nullptr, nullptr);
  if (connection < 0) return 1;
  std::array<char, 4096> request{};
  if (::read(connection, request.data(), request.size()) <= 0) return 1;
  constexpr std::string_view kResponse = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
  if (::write(connection, kResponse.data(), kResponse.size()) < 0) return 1;
  ::close(connection);
  return 0;
}
