// The pure decisions of the kernel side, compiled for the host: starts, ends and lengths of heads.
#include "bpf/http1_head.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr ks_u32 kData = 112;

// The kernel side's window, filled with what earlier transfers may have left there.
struct Window {
  explicit Window(char filler = 'Z') {
    std::fill_n(bytes.get(), KS_WINDOW_BYTES + KS_WINDOW_SLACK_BYTES, static_cast<ks_u8>(filler));
  }
  void put(ks_u32 position, std::string_view text) {
    std::copy(text.begin(), text.end(), bytes.get() + position);
  }
  std::unique_ptr<ks_u8[]> bytes{new ks_u8[KS_WINDOW_BYTES + KS_WINDOW_SLACK_BYTES]};
};

struct Guess {
  ks_start start;
  ks_head head;
};

Guess guess(std::string_view text) {
  Window window;
  window.put(kData, text);
  Guess result{KS_START_NO, {}};
  result.start = ks_guess_start(window.bytes.get(), kData, kData + static_cast<ks_u32>(text.size()),
                                &result.head);
  return result;
}

TEST(GuessStart, KnowsRequests) {
  for (const char* text :
       {"GET / HTTP/1.1\r\n", "PROPFIND /dav HTTP/1.1", "M-SEARCH * HTTP/1.1", "OPTIONS * HTTP/1.1",
        "GET http://a/ HTTP/1.1", "CONNECT a:443 HTTP/1.1", "\r\nPOST /x", "A /", "UPDATE_X /"}) {
    EXPECT_EQ(guess(text).start, KS_START_REQUEST) << text;
  }
  EXPECT_EQ(guess("HEAD / HTTP/1.1").head.method, KS_METHOD_HEAD);
  EXPECT_EQ(guess("CONNECT a:1 HTTP/1.1").head.method, KS_METHOD_CONNECT);
  EXPECT_EQ(guess("HEADS / HTTP/1.1").head.method, KS_METHOD_OTHER);
}

TEST(GuessStart, KnowsResponses) {
  const Guess found = guess("HTTP/1.1 404 Not Found\r\n");
  EXPECT_EQ(found.start, KS_START_RESPONSE);
  EXPECT_EQ(found.head.status, 404);
  EXPECT_TRUE(found.head.is_response);
  EXPECT_EQ(guess("HTTP/1.0 200\r\n").start, KS_START_RESPONSE);
}

TEST(GuessStart, RefusesOthers) {
  for (const char* text :
       {"\x16\x03\x01", "get / HTTP/1.1", "EHLO mail", "*1\r\n", "GET key", "HTTP/2.0 200 OK",
        "HTTP/1.x 200 OK", "HTTP/1.1 2x0 OK", "SSH-2.0-OpenSSH", "ABCDEFGHIJKLMNOPQRSTUVWX /",
        "\r\n\r\n\r\nGET /", "PING\r\n", " GET /", "HTTP/1.1\r\n....."}) {
    EXPECT_EQ(guess(text).start, KS_START_NO) << text;
  }
}

TEST(GuessStart, WaitsForEnoughAndNeverChangesItsMind) {
  for (const std::string_view text :
       {"GET / HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\n", "\r\n\r\nDELETE /x HTTP/1.1"}) {
    const ks_start final = guess(text).start;
    for (std::size_t size = 0; size < text.size(); ++size) {
      const ks_start start = guess(text.substr(0, size)).start;
      EXPECT_TRUE(start == KS_START_MAYBE || start == final) << text.substr(0, size);
    }
  }
}

TEST(Newlines, MarksAreExact) {
  const std::string_view alphabet("\n\x0b\x8a\x00\r\x09", 6);
  std::string text(8, '\0');
  for (int n = 0; n < 6 * 6 * 6 * 6; ++n) {
    int rest = n;
    for (std::size_t i = 0; i < 8; ++i) {
      text[i] = alphabet[static_cast<std::size_t>(rest % 6)];
      rest = i % 4 == 3 ? n / 7 : rest / 6;
    }
    const ks_u64 marks = ks_newlines(ks_load64(reinterpret_cast<const ks_u8*>(text.data())));
    for (std::size_t i = 0; i < 8; ++i) {
      ASSERT_EQ(marks >> (8 * i) & 0xff, text[i] == '\n' ? 0x80u : 0u);
    }
    if (marks != 0) {
      ASSERT_EQ(ks_first_marked(marks), text.find(0x0a));
    }
  }
}

struct Scanned {
  int result = KS_SCAN_MORE;
  std::size_t bytes = 0;  // up to the end of the head
  ks_head head{};
};

// Scans a head that arrives in these pieces, with the carry between them as the kernel side keeps
// it.
Scanned scan(const std::vector<std::string_view>& pieces) {
  Scanned scanned;
  Window window;
  ks_scan state{};
  std::string carry(KS_CARRY_BYTES, '\0');
  ks_u32 line_bytes = 0;
  bool is_cut = false;
  for (const std::string_view piece : pieces) {
    window.put(kData - KS_CARRY_BYTES, carry);
    window.put(kData, piece);
    const ks_u32 end = kData + static_cast<ks_u32>(piece.size());
    if (!scanned.head.has_start_line && scanned.head.status == 0) {
      ks_guess_start(window.bytes.get(), kData - line_bytes, end, &scanned.head);
    }
    ks_begin_scan(&state, kData, end, line_bytes, is_cut);
    int steps = 0;
    while (ks_scan_step(window.bytes.get(), &state, &scanned.head) == 0) {
      if (++steps > 2 * KS_CAPTURE_BYTES_MAX) ADD_FAILURE() << "endless";
    }
    scanned.result = state.result;
    if (state.result != KS_SCAN_MORE) {
      scanned.bytes += state.position - kData;
      return scanned;
    }
    scanned.bytes += piece.size();
    is_cut = state.line_is_cut || end - state.line > KS_CARRY_BYTES;
    line_bytes = std::min<ks_u32>(end - state.line, KS_CARRY_BYTES);
    const auto* last = window.bytes.get() + end - KS_CARRY_BYTES;
    carry.assign(reinterpret_cast<const char*>(last), KS_CARRY_BYTES);
  }
  return scanned;
}

const std::string kHead =
    "POST /a/long/target/that/is/longer/than/what/is/carried/over/to/the/next/transfer HTTP/1.1\r\n"
    "Host: a\r\nContent-Length-X: 9\r\nCONTENT-length: \t 1234567 \r\nX-Content-Length: 8\r\n\r\n";

void expect_whole(const Scanned& scanned) {
  ASSERT_EQ(scanned.result, KS_SCAN_HEAD_END);
  ASSERT_EQ(scanned.bytes, kHead.size());
  ASSERT_EQ(scanned.head.content_length, 1234567u);
  ASSERT_TRUE(scanned.head.has_content_length);
  ASSERT_FALSE(scanned.head.has_bad_length);
  ASSERT_FALSE(scanned.head.has_transfer_encoding);
}

TEST(Scan, FindsTheEndWhereverTheHeadIsSplit) {
  const std::string message = kHead + "\r\n\r\nbody\r\n\r\n";
  const std::string_view view = message;
  expect_whole(scan({view}));
  for (std::size_t first = 1; first < kHead.size(); ++first) {
    SCOPED_TRACE(first);
    expect_whole(scan({view.substr(0, first), view.substr(first)}));
    for (std::size_t second = first + 1; second < std::min(kHead.size(), first + 5); ++second) {
      expect_whole(
          scan({view.substr(0, first), view.substr(first, second - first), view.substr(second)}));
    }
  }
}

TEST(Scan, FindsTheEndByteByByte) {
  std::vector<std::string_view> pieces;
  for (const char& c : kHead) pieces.emplace_back(&c, 1);
  expect_whole(scan(pieces));
}

TEST(Scan, NeverReadsBehindTheBytes) {
  // What is left in the window would end the head, and give it a length.
  Window window;
  const std::string_view head = "GET / HTTP/1.1\r\nHost: a";
  window.put(kData, head);
  window.put(kData + static_cast<ks_u32>(head.size()), "\r\ncontent-length: 5\r\n\r\n");
  ks_scan state{};
  ks_head found{};
  ks_begin_scan(&state, kData, kData + static_cast<ks_u32>(head.size()), 0, 0);
  while (ks_scan_step(window.bytes.get(), &state, &found) == 0) {
  }
  EXPECT_EQ(state.result, KS_SCAN_MORE);
  EXPECT_FALSE(found.has_content_length);
}

TEST(Scan, BareNewlinesEndLinesToo) {
  EXPECT_EQ(scan({"GET / HTTP/1.1\nHost: a\n\nbody"}).bytes, 24u);
}

TEST(Scan, BlankLinesBeforeTheStartAreSkipped) {
  const Scanned scanned = scan({"\r\n", "\nGET / HTTP/1.1\r\n\r\n"});
  EXPECT_EQ(scanned.result, KS_SCAN_HEAD_END);
  EXPECT_EQ(scanned.bytes, 21u);
}

TEST(Scan, RefusesStartLinesOfOtherProtocols) {
  for (const char* text :
       {"GET /file\r\n", "OPTIONS rtsp://a RTSP/1.0\r\n", "PRI * HTTP/2.0\r\n\r\n",
        "RETR /etc/motd\r\n", "GET /HTTP/1.1\r\n", "A /\r\n"}) {
    EXPECT_EQ(scan({text}).result, KS_SCAN_NOT_HTTP) << text;
  }
}

ks_head fields(const std::string& text) {
  const Scanned scanned = scan({"POST / HTTP/1.1\r\n" + text + "\r\n\r\n"});
  EXPECT_EQ(scanned.result, KS_SCAN_HEAD_END) << text;
  return scanned.head;
}

TEST(ContentLength, IsReadAsWritten) {
  EXPECT_EQ(fields("Content-Length:0").content_length, 0u);
  EXPECT_TRUE(fields("Content-Length:0").has_content_length);
  EXPECT_EQ(fields("content-length: 999999999999999999").content_length, 999999999999999999u);
  EXPECT_EQ(fields("Content-Length: 7\r\nContent-Length: 7").content_length, 7u);
  EXPECT_TRUE(fields("Transfer-Encoding: chunked").has_transfer_encoding);
  EXPECT_FALSE(fields("X-Content-Length: 7").has_content_length);
}

TEST(ContentLength, DoubtsAreMarked) {
  for (const char* text :
       {"Content-Length:", "Content-Length: x", "Content-Length: 7x", "Content-Length: 7 7",
        "Content-Length: -1", "Content-Length: 1234567890123456789",
        "Content-Length: 7\r\nContent-Length: 8", "Content-Length: 7,7", "Content-Length: 0x10"}) {
    EXPECT_TRUE(fields(text).has_bad_length) << text;
  }
}

}  // namespace
