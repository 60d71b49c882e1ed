"""discounts: the standard library's server with one thread per connection, HTTP/1.1 keep-alive."""

import http.server
import os
import signal
import sys

from truth import TruthLog

truth = TruthLog("discounts")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # status line, headers and body leave in one send: no wait for a delayed ACK

    def do_GET(self):
        self.answer(200, b"ok\n")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        call = truth.begin(body, "POST", self.path)
        self.answer(200, call.answer(200, percent=int(call.token, 16) % 30))

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256


def main():
    server = Server((os.environ["DISCOUNTS_BIND"], int(os.environ["DISCOUNTS_PORT"])), Handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server.serve_forever()


if __name__ == "__main__":
    main()
