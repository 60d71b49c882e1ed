"""What a gateway's exporters make of peers that fail, refuse, lie or are not who they should be. Each case ends
with the ledger balanced, in the metrics and in the table that the gateway prints when it stops."""

import pathlib
import shutil
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "workloads"))
import case_report  # noqa: E402
from certificates import Authority  # noqa: E402
from processes import free_port, wait_until  # noqa: E402
from tiers import Daemon  # noqa: E402

try:
    import grpc
    from otlp_load import EXPORT, encode
    from scripted_peers import (PADDING, GarbagePeer, GrpcPeer, HttpPeer, partial_success,
                                retry_info, status_message)
except ImportError:
    grpc = None

GATEWAY = """
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: ${env:KERNSPAN_GATEWAY_LISTEN}
exporters:
  %(exporter)s:
    endpoint: %(endpoint)s
    timeout: 500ms
    retry_on_failure:
      initial_interval: 20ms
      max_interval: 100ms
      max_elapsed_time: 60s
%(keys)s
service:
  pipelines:
    traces:
      receivers: [otlp]
      exporters: [%(exporter)s]
  telemetry:
    metrics:
      readers:
        - pull:
            exporter:
              prometheus:
                host: 127.0.0.1
                port: ${env:KERNSPAN_METRICS_PORT}
"""
SECONDS_MAX = 30
SPANS = 20


def setUpModule():
    if grpc is None:
        raise unittest.SkipTest("not installed: python3-grpcio")
    if not shutil.which("openssl"):
        raise unittest.SkipTest("not installed: openssl")


class FaultCase:
    """The cases, for each of the two exporters; what differs are the peer and its answers."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kernspan-faults-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.gateway = None

    def start(self, port, keys=""):
        endpoint = self.endpoint(port, "tls:" in keys)
        if "tls:" not in keys:
            keys += "    tls:\n      insecure: true\n"
        config = self.folder / "gateway.yaml"
        config.write_text(GATEWAY % {"exporter": self.EXPORTER, "endpoint": endpoint, "keys": keys},
                          encoding="utf-8")
        listen = f"127.0.0.1:{free_port()}"
        self.gateway = Daemon("gateway", self.folder, {"KERNSPAN_GATEWAY_LISTEN": listen}, [config])
        self.addCleanup(self.gateway.kill)
        self.channel = grpc.insecure_channel(listen)
        self.addCleanup(self.channel.close)

    def send(self, spans=SPANS):
        self.channel.unary_unary(EXPORT)(encode([f"{i + 1:016x}" for i in range(spans)], PADDING),
                                         timeout=10)

    def wait(self, condition, what):
        self.assertTrue(wait_until(condition, SECONDS_MAX), f"{what}\n{self.gateway.log()[-3000:]}")

    def stage(self):
        return self.gateway.metrics().stages()[f"exporters/{self.EXPORTER}"]

    def wait_for_books(self, passed_on, **dropped):
        """Until the exporter's books say this, with nothing left."""
        def is_so():
            stage = self.stage()
            return stage.held == 0 and stage.passed_on == passed_on and stage.dropped == dropped
        self.wait(is_so, f"wanted {passed_on} passed on, dropped {dropped}; {self.stage()}")

    def wait_for_end(self, passed_on, **dropped):
        """Until the exporter's books say this, with nothing left; then the gateway's end."""
        self.wait_for_books(passed_on, **dropped)
        self.assertEqual(self.gateway.metrics().unbalanced(), {})
        self.finish()

    def finish(self):
        self.assertEqual(self.gateway.stop(), 0)
        summary = self.gateway.summary()
        self.assertTrue(summary, self.gateway.log()[-3000:])
        self.assertEqual({stage: words for stage, words in summary.items()
                          if words != "balances"}, {})

    def give_up(self, *words):
        """Nothing gets through: some attempts, the reason in the log, all dropped at the end."""
        self.send()
        self.wait(lambda: self.gateway.metrics().sum("kernspan_exporter_retries") >= 3, "no retries")
        self.assertEqual(self.stage().held, SPANS)
        log = self.gateway.log()
        self.assertTrue(any(word in log for word in words), log[-3000:])
        self.finish()
        self.assertIn(f"dropped {SPANS} spans", self.gateway.log())

    # --- availability

    def test_a_peer_that_is_down_and_comes_back(self):
        port = free_port()
        self.start(port)
        for _ in range(3):
            self.send()
        self.wait(lambda: self.gateway.metrics().sum("kernspan_exporter_retries") >= 3, "no retries")
        with self.Peer(port=port) as peer:
            self.wait_for_end(3 * SPANS)
            self.assertEqual(peer.spans, 3 * SPANS)

    def test_an_outage_of_minutes_under_load(self):
        # The defaults wait 5 s and more between attempts, these 20 ms: 5 s here are 20 minutes there.
        port = free_port()
        self.start(port)
        requests = 0
        end = time.monotonic() + 5
        while time.monotonic() < end:
            self.send()
            requests += 1
            time.sleep(0.05)
        self.assertGreater(requests, 30)
        self.assertEqual(self.stage().held, requests * SPANS)
        with self.Peer(port=port):
            self.wait_for_end(requests * SPANS)

    def test_a_peer_that_is_slow(self):
        with self.Peer([("wait", 1.2), ("wait", 1.2)]) as peer:
            self.start(peer.port)
            self.send()
            self.wait_for_end(SPANS)
            self.assertEqual((peer.attempts, peer.spans), (3, SPANS))

    def test_a_peer_that_talks_garbage(self):
        with GarbagePeer() as garbage:
            self.start(garbage.port)
            self.send()
            self.wait(lambda: garbage.connections >= 2, "did not connect again")
        with self.Peer(port=garbage.port):
            self.wait_for_end(SPANS)

    # --- answers

    def test_retryable_answers(self):
        with self.Peer(self.RETRYABLE) as peer:
            self.start(peer.port)
            self.send()
            self.wait_for_end(SPANS)
            self.assertEqual(peer.attempts, len(self.RETRYABLE) + 1)

    def test_an_answer_that_asks_to_wait(self):
        with self.Peer([self.WAIT_A_SECOND]) as peer:
            self.start(peer.port)
            self.send()
            self.wait_for_end(SPANS)
            first, second = peer.attempt_times
            self.assertGreaterEqual(second - first, 0.95)

    def test_permanent_answers(self):
        with self.Peer(self.PERMANENT) as peer:
            self.start(peer.port)
            # One after the other: the log is limited in its rate, and has what is answered first.
            for answered in range(1, len(self.PERMANENT) + 1):
                self.send()
                self.wait_for_books(0, permanent_error=answered * SPANS)
            self.finish()
            self.assertEqual(peer.attempts, len(self.PERMANENT))
            self.assertIn("no room at all", self.gateway.log())

    def test_partial_success(self):
        with self.Peer([self.PARTIAL]) as peer:
            self.start(peer.port)
            self.send()
            self.wait(lambda: peer.spans == SPANS, "did not arrive")
            metrics = self.gateway.metrics()
            self.wait_for_end(SPANS - 3, rejected_by_peer=3)
            self.assertEqual(metrics.sum("otelcol_exporter_send_failed_spans"), 0)
            self.assertIn("rejected 3 of 20 spans: too old", self.gateway.log())

    def test_a_request_that_is_too_large_for_the_peer(self):
        with self.Peer(max_bytes=4000) as peer:
            self.start(peer.port)
            self.send(500)
            self.wait_for_end(500)
            self.assertEqual(peer.spans, 500)

    # --- identity

    def tls(self, authority, more=""):
        return f"    tls:\n      ca_file: {authority}\n{more}"

    def test_the_wrong_authority(self):
        right, wrong = Authority(self.folder / "a", "right"), Authority(self.folder / "b", "wrong")
        with self.Peer(tls=right.sign("server")) as peer:
            self.start(peer.port, self.tls(wrong.certificate))
            self.give_up("ertificate", "ertification", "handshake")
            self.assertEqual(peer.attempts, 0)

    def test_a_certificate_that_has_expired(self):
        authority = Authority(self.folder / "a")
        with self.Peer(tls=authority.sign("server", days=-1)) as peer:
            self.start(peer.port, self.tls(authority.certificate))
            self.give_up("ertificate", "ertification", "handshake")
            self.assertEqual(peer.attempts, 0)

    def test_certificates_that_are_replaced_while_running(self):
        """Both ends move to another authority; the gateway is never restarted."""
        first, second = Authority(self.folder / "a", "first"), Authority(self.folder / "b", "second")
        current = self.folder / "current.crt"
        shutil.copy(first.certificate, current)
        port = free_port()
        with self.Peer(port=port, tls=first.sign("server")) as peer:
            self.start(port, self.tls(current, "      reload_interval: 100ms\n"))
            self.send()
            self.wait(lambda: peer.spans == SPANS, "the first did not arrive")
        with self.Peer(port=port, tls=second.sign("server")) as peer:
            self.send()
            self.wait(lambda: self.gateway.metrics().sum("kernspan_exporter_retries") >= 2,
                      "the old authority was good enough")
            self.assertEqual(peer.spans, 0)
            shutil.copy(second.certificate, current)
            self.wait_for_end(2 * SPANS)
            self.assertEqual(peer.spans, SPANS)

    def test_the_wrong_token(self):
        for token, passed_on, dropped in (("right", SPANS, {}),
                                          ("wrong", 0, {"permanent_error": SPANS})):
            with self.subTest(token=token), self.Peer(token="Bearer right") as peer:
                self.start(peer.port, f"    headers:\n      Authorization: Bearer {token}\n")
                self.send()
                self.wait_for_end(passed_on, **dropped)
                self.assertNotIn(f"Bearer {token}", self.gateway.log())


class GrpcFaultsTest(FaultCase, unittest.TestCase):
    EXPORTER = "otlp_grpc"

    @staticmethod
    def endpoint(port, _with_tls):
        return f"127.0.0.1:{port}"

    def setUp(self):
        super().setUp()
        code = grpc.StatusCode
        self.Peer = GrpcPeer
        self.RETRYABLE = [(code.UNAVAILABLE, "not now"), (code.ABORTED, "not now"),
                          (code.DEADLINE_EXCEEDED, "not now"), (code.DATA_LOSS, "not now")]
        self.WAIT_A_SECOND = (code.RESOURCE_EXHAUSTED, "busy", retry_info(1))
        self.PERMANENT = [(code.RESOURCE_EXHAUSTED, "no room at all"), (code.INTERNAL, "broken"),
                          (code.INVALID_ARGUMENT, "what?"), (code.UNIMPLEMENTED, "what?")]
        self.PARTIAL = ("response", partial_success(3, "too old"))
        self.UNREADABLE = ("response", b"\xff\xff\xff")

    def test_an_answer_that_cannot_be_read(self):
        """The peer took the request; what it said about it is nothing that can be counted."""
        with self.Peer([self.UNREADABLE]) as peer:
            self.start(peer.port)
            self.send()
            self.wait_for_end(SPANS)


class HttpFaultsTest(FaultCase, unittest.TestCase):
    EXPORTER = "otlp_http"

    @staticmethod
    def endpoint(port, with_tls):
        return f"{'https' if with_tls else 'http'}://127.0.0.1:{port}"

    def setUp(self):
        super().setUp()
        self.Peer = HttpPeer
        proto = {"Content-Type": "application/x-protobuf"}
        self.RETRYABLE = [(503,), (429,), (502,), (504,), ("raw", b"no HTTP at all\r\n\r\n")]
        self.WAIT_A_SECOND = (503, {"Retry-After": "1"})
        self.PERMANENT = [(400, proto, status_message("no room at all")), (500,), (404,), (301,)]
        self.PARTIAL = (200, proto, partial_success(3, "too old"))
        self.UNREADABLE = (200, proto, b"\xff\xff\xff")

    def test_an_answer_that_cannot_be_read(self):
        bodies = [self.UNREADABLE, (200, {"Content-Type": "application/json"}, b"[[[["),
                  (200, {"Content-Type": "text/html"}, b"x" * (8 << 20))]
        with self.Peer(bodies) as peer:
            self.start(peer.port)
            for _ in bodies:
                self.send()
            self.wait_for_end(len(bodies) * SPANS)


if __name__ == "__main__":
    case_report.main("exporter_faults_test")
