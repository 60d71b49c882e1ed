"""A gateway whose peer is away fills its queue until the memory limiter refuses: clients are told to come again,
a pipeline without the limiter goes on, the memory stays bounded, and everything arrives once the peer is back."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "workloads"))
import case_report  # noqa: E402
from processes import free_port, wait_until  # noqa: E402
from tiers import Daemon  # noqa: E402
from otlp_lines import SpanFile  # noqa: E402

try:
    import grpc
    import otlp_load
except ImportError:
    grpc = None

GATEWAY = """
receivers:
  otlp:
    protocols: {grpc: {endpoint: "${env:KERNSPAN_GATEWAY_LISTEN}"}}
  otlp/free:
    protocols: {grpc: {endpoint: "${env:FREE_LISTEN}"}}
processors:
  memory_limiter:
    check_interval: 50ms
    limit_mib: ${env:LIMIT_MIB}
    spike_limit_mib: 10
exporters:
  otlp:
    endpoint: ${env:KERNSPAN_FEDERATION_ENDPOINT}
    tls: {insecure: true}
    retry_on_failure: {initial_interval: 50ms, max_interval: 200ms, max_elapsed_time: 0s}
    sending_queue: {queue_size: 1000000}
  file:
    path: ${env:FREE_SPANS_FILE}
service:
  pipelines:
    traces: {receivers: [otlp], processors: [memory_limiter], exporters: [otlp]}
    traces/free: {receivers: [otlp/free], exporters: [file]}
  telemetry:
    metrics:
      readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: "${env:KERNSPAN_METRICS_PORT}"}}}}]
"""
LIMIT_MIB = 120
# The limiter looks at the process as a whole: what one request more can add is not much.
RSS_KIB_MAX = (LIMIT_MIB + 40) * 1024


def setUpModule():
    if grpc is None:
        raise unittest.SkipTest("not installed: python3-grpcio")


class MemoryLimitTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kernspan-memory-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.config = self.folder / "gateway.yaml"
        self.config.write_text(GATEWAY, encoding="utf-8")
        gateway, free, federation = free_port(), free_port(), free_port()
        self.endpoint, self.free_endpoint = f"127.0.0.1:{gateway}", f"127.0.0.1:{free}"
        self.spans = self.folder / "spans.jsonl"
        self.environment = {
            "KERNSPAN_GATEWAY_LISTEN": self.endpoint,
            "FREE_LISTEN": self.free_endpoint,
            "FREE_SPANS_FILE": str(self.folder / "free.jsonl"),
            "KERNSPAN_FEDERATION_LISTEN": f"127.0.0.1:{federation}",
            "KERNSPAN_FEDERATION_ENDPOINT": f"127.0.0.1:{federation}",
            "KERNSPAN_SPANS_FILE": str(self.spans),
            "LIMIT_MIB": str(LIMIT_MIB),
        }

    def daemon(self, tier):
        daemon = Daemon(tier, self.folder, self.environment,
                        [self.config] if tier == "gateway" else None)
        self.addCleanup(daemon.stop)
        return daemon

    def answer(self, endpoint):
        """The error that a small request gets; None when it is taken."""
        with grpc.insecure_channel(endpoint) as channel:
            try:
                channel.unary_unary(otlp_load.EXPORT)(otlp_load.encode(["00000000000000aa"], 1),
                                                      timeout=10)
                return None
            except grpc.RpcError as error:
                return error

    def test_refuses_and_recovers(self):
        gateway = self.daemon("gateway")
        self.assertLess(gateway.rss_kib(), (LIMIT_MIB - 20) * 1024, "no room for this test")
        load = otlp_load.Load(self.endpoint, senders=2, spans=100, padding=5000)
        with load:
            self.assertTrue(wait_until(lambda: load.refused > 50, 60), gateway.log())
            error = self.answer(self.endpoint)
            self.assertIsNotNone(error)
            self.assertIn(error.code(), (grpc.StatusCode.UNAVAILABLE,
                                         grpc.StatusCode.RESOURCE_EXHAUSTED))
            self.assertIn("data refused due to high memory usage", error.details())
            self.assertIsNone(self.answer(self.free_endpoint), "a pipeline without the limiter")
            rss = gateway.rss_kib()
            metrics = gateway.metrics()
            print(f"    {load.refused} refusals, {len(load.accepted)} spans taken, {rss >> 10} MiB",
                  flush=True)
            self.assertLess(rss, RSS_KIB_MAX)
            self.assertEqual(metrics.sum("kernspan_processor_memory_limiter_refusing"), 1)
            taken_before = len(load.accepted)
            federation = self.daemon("federation")
            self.assertTrue(wait_until(lambda: len(load.accepted) > taken_before + 1000, 60),
                            "nothing is taken after the peer came back\n" + gateway.log())
        arrived, file = set(), SpanFile(self.spans)

        def missing():
            arrived.update(span.id for span in file.read())
            return load.accepted - arrived

        wait_until(lambda: not missing(), 60, 0.2)
        self.assertEqual(len(missing()), 0, "acknowledged, and never arrived")
        for daemon in (gateway, federation):
            self.assertEqual(daemon.stop(), 0)
            self.assertEqual(set(daemon.summary().values()), {"balances"}, daemon.log())
            self.assertNotIn("books are off", daemon.log())


if __name__ == "__main__":
    case_report.main("memory_limit_test")
