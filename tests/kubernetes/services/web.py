"""Answers everything, /sleep/SECONDS/... later, and ends at /exit. PORT says where."""

import http.server
import os
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        words = self.path.split("/")
        if words[1] == "sleep":
            time.sleep(float(words[2]))
        body = b"hello\n"
        # In one write: the second of two would wait for an acknowledgement.
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        if words[1] == "exit":
            os._exit(3)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def server_bind(self):
        # Without asking a resolver for the machine's name.
        http.server.socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]


Server(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
