"""Clients that send far more than is allowed, against a real gateway: its memory stays bounded, they
are refused, and others are served."""

import gzip
import http.client
import pathlib
import re
import socket
import tempfile
import threading
import unittest

import grpc

import case_report
from tiers import Daemon
from processes import free_port

MIB = 1 << 20
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
# ResourceSpans { ScopeSpans { Span { trace_id, span_id } } }
ONE_SPAN = bytes.fromhex("0a20121e121c0a10000102030405060708090a0b0c0d0e0f12080102030405060708")


def highest_mib(pid):
    """What the process has held at most."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"^VmHWM:\s+(\d+)", status, re.MULTILINE)[1]) >> 10


class HostileClientsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kernspan-hostile-")
        self.addCleanup(folder.cleanup)
        self.grpc_port, self.http_port = free_port(), free_port()
        config = pathlib.Path(folder.name) / "gateway.yaml"
        config.write_text(f"""
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:{self.grpc_port}", max_buffered_mib: 64}}
      http: {{endpoint: "127.0.0.1:{self.http_port}"}}
exporters: {{debug: {{}}}}
service:
  telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: "${{env:KERNSPAN_METRICS_PORT}}"}}}}}}}}]}}}}
  pipelines: {{traces: {{receivers: [otlp], exporters: [debug]}}}}
""")
        self.gateway = Daemon("gateway", folder.name, {}, [config])
        self.addCleanup(self.gateway.stop)

    def call(self, message, timeout=30):
        with grpc.insecure_channel(f"127.0.0.1:{self.grpc_port}",
                                   options=[("grpc.max_send_message_length", -1)]) as channel:
            try:
                channel.unary_unary(EXPORT)(message, timeout=timeout)
                return grpc.StatusCode.OK
            except grpc.RpcError as error:
                return error.code()

    def post(self, body, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=30)
        try:
            connection.request("POST", "/v1/traces", body,
                               {"Content-Type": "application/x-protobuf", **headers})
            return connection.getresponse().status
        finally:
            connection.close()

    def assert_served(self):
        self.assertEqual(self.call(ONE_SPAN), grpc.StatusCode.OK)
        self.assertEqual(self.post(ONE_SPAN), 200)

    def test_grpc_messages_that_are_too_large(self):
        huge = bytes(200 * MIB)
        codes = []
        clients = [threading.Thread(target=lambda: codes.append(self.call(huge)))
                   for _ in range(2)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        self.assertNotIn(grpc.StatusCode.OK, codes)
        self.assertLess(highest_mib(self.gateway.pid), 200)
        self.assert_served()

    def test_bombs(self):
        bomb = gzip.compress(bytes(100 * MIB))
        self.assertEqual(self.post(bomb, **{"Content-Encoding": "gzip"}), 413)
        self.assertLess(highest_mib(self.gateway.pid), 200)
        self.assert_served()

    def test_http_bodies_that_are_too_large(self):
        with socket.create_connection(("127.0.0.1", self.http_port), timeout=30) as client:
            client.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: a\r\n"
                           b"Content-Type: application/x-protobuf\r\n"
                           b"Content-Length: 2147483648\r\n\r\n")
            self.assertIn(b" 413 ", client.recv(4096))
        self.assert_served()


if __name__ == "__main__":
    case_report.main("hostile_clients_test")
