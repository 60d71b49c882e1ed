"""Receivers of OTLP that answer as a test tells them to: the answers of a script, one by one, then success."""

import gzip
import http.server
import socket
import ssl
import threading
import time

import grpc

# The name of every span of otlp_load.encode(): counts the spans of a request without decoding it.
PADDING = 64
NAME = b"s" * PADDING


def _field(number, payload):
    return bytes([number << 3 | 2, len(payload)]) + payload


def _varint_field(number, value):
    return bytes([number << 3, value])


def partial_success(rejected, message):
    """An ExportTraceServiceResponse; rejected below 128."""
    return _field(1, _varint_field(1, rejected) + _field(2, message.encode()))


def status_message(message):
    """A google.rpc.Status."""
    return _varint_field(1, 3) + _field(2, message.encode())


def retry_info(seconds):
    """The details of a gRPC error with a RetryInfo of that many seconds."""
    any_message = (_field(1, b"type.googleapis.com/google.rpc.RetryInfo") +
                   _field(2, _field(1, _varint_field(1, seconds))))
    return (("grpc-status-details-bin",
             _varint_field(1, 8) + _field(3, any_message)),)


class Peer:
    """What both kinds share: the script, and what arrived. A context manager."""

    def __init__(self, script=()):
        self._script = list(script)
        self._lock = threading.Lock()
        self.attempts = 0
        self.spans = 0  # in requests that were answered with success
        self.attempt_times = []

    def next_answer(self):
        with self._lock:
            self.attempts += 1
            self.attempt_times.append(time.monotonic())
            return self._script.pop(0) if self._script else None

    def take(self, request):
        with self._lock:
            self.spans += request.count(NAME)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class GrpcPeer(Peer):
    """Answers: None, (status code, message[, trailers]), ("response", bytes) or ("wait", seconds)."""

    def __init__(self, script=(), port=0, tls=None, max_bytes=None, token=None):
        super().__init__(script)
        self._token = token
        options = [("grpc.so_reuseport", 0)]
        if max_bytes:
            options.append(("grpc.max_receive_message_length", max_bytes))
        from concurrent import futures
        self._server = grpc.server(futures.ThreadPoolExecutor(8), options=options)
        handler = grpc.unary_unary_rpc_method_handler(self._export)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
            "opentelemetry.proto.collector.trace.v1.TraceService", {"Export": handler}),))
        address = f"127.0.0.1:{port}"
        if tls:
            certificate, key = (path.read_bytes() for path in tls)
            self.port = self._server.add_secure_port(
                address, grpc.ssl_server_credentials([(key, certificate)]))
        else:
            self.port = self._server.add_insecure_port(address)
        self._server.start()

    def _export(self, request, context):
        answer = self.next_answer()
        if self._token and dict(context.invocation_metadata()).get("authorization") != self._token:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")
        if answer is None:
            self.take(request)
            return b""
        if answer[0] == "response":
            self.take(request)
            return answer[1]
        if answer[0] == "wait":
            time.sleep(answer[1])
            context.abort(grpc.StatusCode.UNAVAILABLE, "too late")
        if len(answer) > 2:
            context.set_trailing_metadata(answer[2])
        context.abort(answer[0], answer[1])
        return None

    def stop(self):
        self._server.stop(0).wait()


class HttpPeer(Peer):
    """Answers: None, (status, headers, body), ("wait", seconds) or ("raw", bytes) for what is no HTTP."""

    def __init__(self, script=(), port=0, tls=None, max_bytes=None, token=None):
        super().__init__(script)
        peer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def _answer(self, status, headers=None, body=b""):
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):  # noqa: N802: the name that http.server asks for
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                answer = peer.next_answer()
                if self.path != "/v1/traces":
                    self._answer(404)
                elif token and self.headers.get("Authorization") != token:
                    self._answer(401)
                elif max_bytes and len(body) > max_bytes:
                    self._answer(413)
                elif answer is None:
                    peer.take(body)
                    self._answer(200)
                elif answer[0] == "wait":
                    time.sleep(answer[1])
                    self.close_connection = True
                elif answer[0] == "raw":
                    self.wfile.write(answer[1])
                    self.close_connection = True
                else:
                    if answer[0] < 300:
                        peer.take(body)
                    self._answer(*answer)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def __init__(self, *arguments):
                super().__init__(*arguments)
                self.connections = set()

            def process_request(self, request, client_address):
                self.connections.add(request)
                super().process_request(request, client_address)

            def shutdown_request(self, request):
                self.connections.discard(request)
                super().shutdown_request(request)

            def handle_error(self, *_):  # a client that refuses our certificate
                pass

        self._server = Server(("127.0.0.1", port), Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*map(str, tls))
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True,
                                                      do_handshake_on_connect=False)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def stop(self):
        """Connections end as well, also those that a client keeps."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for connection in list(self._server.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class GarbagePeer:
    """Answers every connection with bytes that are no protocol. A context manager."""

    def __init__(self, port=0):
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                try:
                    connection.sendall(bytes(range(256)) * 16)
                except OSError:
                    pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
