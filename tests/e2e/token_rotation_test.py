"""bearertokenauth between a gateway and a federation tier, over TLS: tokens change while both run, and not a
span is lost."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "workloads"))
import case_report  # noqa: E402
from certificates import Authority  # noqa: E402
from processes import free_port, wait_until  # noqa: E402
from tiers import Daemon  # noqa: E402
from otlp_lines import SpanFile  # noqa: E402

try:
    import grpc
    import otlp_load
except ImportError:
    grpc = None

TELEMETRY = """
  telemetry:
    metrics:
      readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: "${env:KERNSPAN_METRICS_PORT}"}}}}]
"""
SERVER = """
extensions:
  bearertokenauth:
    filename: ${env:SERVER_TOKENS}
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: ${env:KERNSPAN_FEDERATION_LISTEN}
        tls: {cert_file: "${env:SERVER_CERTIFICATE}", key_file: "${env:SERVER_KEY}"}
        auth: {authenticator: bearertokenauth}
exporters:
  file:
    path: ${env:KERNSPAN_SPANS_FILE}
service:
  extensions: [bearertokenauth]
  pipelines:
    traces: {receivers: [otlp], exporters: [file]}
""" + TELEMETRY
CLIENT = """
extensions:
  bearertokenauth:
    filename: ${env:CLIENT_TOKEN}
receivers:
  otlp:
    protocols: {grpc: {endpoint: "${env:KERNSPAN_GATEWAY_LISTEN}"}}
exporters:
  otlp:
    endpoint: ${env:KERNSPAN_FEDERATION_ENDPOINT}
    tls: {ca_file: "${env:CA_CERTIFICATE}"}
    auth: {authenticator: bearertokenauth}
    retry_on_failure: {initial_interval: 50ms, max_interval: 200ms, max_elapsed_time: 0s}
service:
  extensions: [bearertokenauth]
  pipelines:
    traces: {receivers: [otlp], exporters: [otlp]}
""" + TELEMETRY
RELOADS = "kernspan_extension_bearertokenauth_reloads"
REJECTED = "kernspan_extension_bearertokenauth_rejected_requests"


def setUpModule():
    if grpc is None:
        raise unittest.SkipTest("not installed: python3-grpcio")


class TokenRotationTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kernspan-tokens-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        authority = Authority(self.folder)
        certificate, key = authority.sign("federation")
        self.ca = authority.certificate.read_bytes()
        gateway, federation = free_port(), free_port()
        self.endpoint, self.server_endpoint = f"127.0.0.1:{gateway}", f"127.0.0.1:{federation}"
        self.spans = self.folder / "spans.jsonl"
        self.environment = {
            "KERNSPAN_GATEWAY_LISTEN": self.endpoint,
            "KERNSPAN_FEDERATION_LISTEN": self.server_endpoint,
            "KERNSPAN_FEDERATION_ENDPOINT": self.server_endpoint,
            "KERNSPAN_SPANS_FILE": str(self.spans),
            "SERVER_CERTIFICATE": str(certificate),
            "SERVER_KEY": str(key),
            "CA_CERTIFICATE": str(authority.certificate),
            "SERVER_TOKENS": str(self.folder / "server_tokens"),
            "CLIENT_TOKEN": str(self.folder / "client_token"),
        }

    def tokens(self, server, client):
        for name, tokens in (("server_tokens", server), ("client_token", client)):
            new = self.folder / f"{name}.new"
            new.write_text("\n".join(tokens) + "\n", encoding="utf-8")
            new.rename(self.folder / name)

    def daemon(self, tier, config):
        path = self.folder / f"{tier}.yaml"
        path.write_text(config, encoding="utf-8")
        daemon = Daemon(tier, self.folder, self.environment, [path])
        self.addCleanup(daemon.stop)
        return daemon

    def offer(self, token, header="authorization"):
        """The status of a request with that token, straight to the server."""
        credentials = grpc.ssl_channel_credentials(self.ca)
        with grpc.secure_channel(self.server_endpoint, credentials) as channel:
            try:
                channel.unary_unary(otlp_load.EXPORT)(
                    otlp_load.encode(["00000000000000bb"], 1), timeout=10,
                    metadata=[(header, token)] if token else [])
                return grpc.StatusCode.OK
            except grpc.RpcError as error:
                self.assertNotIn("token-", error.details())
                return error.code()

    def test_tokens_change_while_spans_flow(self):
        self.tokens(["token-one"], ["token-one"])
        server = self.daemon("federation", SERVER)
        client = self.daemon("gateway", CLIENT)
        unauthenticated = grpc.StatusCode.UNAUTHENTICATED
        self.assertEqual(self.offer("Bearer token-one"), grpc.StatusCode.OK)
        for token in (None, "Bearer token-on", "Bearer token-two", "Basic token-one"):
            self.assertEqual(self.offer(token), unauthenticated, token)
        with otlp_load.Load(self.endpoint, senders=1) as load:
            for old, new in (("token-one", "token-two"), ("token-two", "token-three")):
                for tier, server_tokens, client_tokens in (
                        (server, [new, old], [old]), (client, [new, old], [new]),
                        (server, [new], [new])):
                    before = tier.metrics().sum(RELOADS)
                    self.tokens(server_tokens, client_tokens)
                    self.assertTrue(wait_until(lambda: tier.metrics().sum(RELOADS) > before, 30))
                self.assertEqual(self.offer(f"Bearer {new}"), grpc.StatusCode.OK)
                self.assertEqual(self.offer(f"Bearer {old}"), unauthenticated)
        arrived, file = set(), SpanFile(self.spans)

        def missing():
            arrived.update(span.id for span in file.read())
            return load.accepted - arrived

        wait_until(lambda: not missing(), 30, 0.2)
        self.assertGreater(len(load.accepted), 0)
        self.assertEqual(len(missing()), 0)
        self.assertEqual(server.metrics().sum(REJECTED), 6, "only this test's own requests")
        for daemon in (client, server):
            self.assertNotIn("token-", daemon.log())
            self.assertEqual(daemon.stop(), 0)
            self.assertEqual(set(daemon.summary().values()), {"balances"}, daemon.log())


if __name__ == "__main__":
    case_report.main("token_rotation_test")
