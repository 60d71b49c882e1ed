"""load_balancing in front of real gateways: one is added and one removed under load, one is down, and the balancer
itself is killed with its queue on disk. Every acknowledged span arrives, once."""

import collections
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "workloads"))
import case_report  # noqa: E402
from dns_responder import DnsResponder  # noqa: E402
from processes import free_port, wait_until  # noqa: E402
from tiers import Daemon  # noqa: E402
from otlp_lines import read_spans  # noqa: E402
from otlp_load import Load, is_possible  # noqa: E402

METRICS = """
  telemetry:
    metrics:
      readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: "${env:KERNSPAN_METRICS_PORT}"}}}}]
"""
BALANCER = """
receivers:
  otlp: {protocols: {grpc: {endpoint: "${env:BALANCER_LISTEN}"}}}
exporters:
  load_balancing:
    protocol:
      otlp:
        tls: {insecure: true}
        retry_on_failure: {initial_interval: 50ms, max_interval: 200ms}
        # What is meant for a backend that is down waits here; of more its part would be dropped.
        sending_queue: {queue_size: 1000000}
    resolver:
      dns:
        hostname: gateways.kernspan.test
        port: ${env:BACKEND_PORT}
        interval: 50ms
        timeout: 10s
        server: ${env:DNS_SERVER}
    MORE
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [load_balancing]}
""" + METRICS
ON_DISK = """sending_queue: {queue_size: 1000000, storage: file_storage}
    retry_on_failure: {enabled: true, initial_interval: 50ms, max_interval: 200ms, max_elapsed_time: 0s}
extensions:
  file_storage: {directory: "${env:QUEUE_DIRECTORY}", timeout: 100ms}
"""
BACKEND = """
receivers:
  otlp: {protocols: {grpc: {endpoint: "${env:BACKEND_LISTEN}"}}}
exporters:
  file: {path: "${env:BACKEND_SPANS_FILE}", flush_interval: 50ms}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [file]}
""" + METRICS
ARRIVE_SECONDS_MAX = 60


def setUpModule():
    if not is_possible():
        raise unittest.SkipTest("not installed: python3-grpcio")


class LoadBalancingTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kernspan-balancing-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.port = free_port()
        self.dns = DnsResponder()
        self.dns.__enter__()
        self.addCleanup(self.dns.__exit__)
        self.balancer_address = f"127.0.0.1:{free_port()}"
        (self.folder / "queue").mkdir()

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def balancer(self, more="", name="balancer"):
        text = BALANCER.replace("    MORE\n", f"    {more}" if more else "")
        if more:
            text = text.replace("service:\n", "service:\n  extensions: [file_storage]\n", 1)
        daemon = Daemon("gateway", self.folder, {
            "BALANCER_LISTEN": self.balancer_address, "BACKEND_PORT": str(self.port),
            "DNS_SERVER": self.dns.server, "QUEUE_DIRECTORY": str(self.folder / "queue"),
        }, [self.write("balancer.yaml", text)], name=name)
        self.addCleanup(daemon.stop)
        return daemon

    def spans_file(self, number):
        return self.folder / f"backend-{number}.jsonl"

    def backend(self, number):
        daemon = Daemon("gateway", self.folder, {
            "BACKEND_LISTEN": f"127.0.0.{number}:{self.port}",
            "BACKEND_SPANS_FILE": str(self.spans_file(number)),
        }, [self.write("backend.yaml", BACKEND)], name=f"backend-{number}")
        self.addCleanup(daemon.stop)
        return daemon

    def arrived(self):
        """How often each span has arrived, and where."""
        count, places = collections.Counter(), collections.defaultdict(set)
        for number in (1, 2, 3):
            for span in read_spans(self.spans_file(number)):
                count[span.id] += 1
                places[number].add(span.id)
        return count, places

    def wait_for_backends(self, daemon, number):
        self.assertTrue(wait_until(
            lambda: daemon.metrics().sum("otelcol_loadbalancer_num_backends") == number, 30))

    def assert_all_arrive_once(self, accepted):
        wait_until(lambda: accepted <= set(self.arrived()[0]), ARRIVE_SECONDS_MAX)
        count, _ = self.arrived()
        self.assertFalse(accepted - set(count), "acknowledged and lost")
        self.assertFalse({span for span, times in count.items() if times > 1}, "twice")

    def test_a_backend_comes_and_one_goes_under_load(self):
        first = self.backend(1)
        self.backend(2)
        self.dns.addresses = ["127.0.0.1", "127.0.0.2"]
        balancer = self.balancer()
        self.wait_for_backends(balancer, 2)
        with Load(self.balancer_address) as load:
            self.assertTrue(wait_until(lambda: len(load.accepted) > 2000, 60))
            self.backend(3)
            self.dns.addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
            self.wait_for_backends(balancer, 3)
            before = len(load.accepted)
            self.assertTrue(wait_until(lambda: len(load.accepted) > before + 2000, 60))
            self.dns.addresses = ["127.0.0.2", "127.0.0.3"]
            self.wait_for_backends(balancer, 2)
            before = len(load.accepted)
            self.assertTrue(wait_until(lambda: len(load.accepted) > before + 2000, 60))
            first.stop()
            before = len(load.accepted)
            self.assertTrue(wait_until(lambda: len(load.accepted) > before + 2000, 60))
            load.stop()
            accepted = load.accepted
        self.assert_all_arrive_once(accepted)
        _, places = self.arrived()
        for number in (1, 2, 3):
            self.assertGreater(len(places[number]), 100, f"backend {number}")
        metrics = balancer.metrics()
        self.assertFalse(metrics.unbalanced())
        self.assertEqual(metrics.sum("kernspan_loadbalancer_retired_backends"), 1)

    def test_one_backend_is_down(self):
        self.backend(1)
        self.dns.addresses = ["127.0.0.1", "127.0.0.2"]
        balancer = self.balancer()
        self.wait_for_backends(balancer, 2)
        with Load(self.balancer_address) as load:
            # The other one goes on.
            self.assertTrue(wait_until(lambda: len(self.arrived()[1][1]) > 2000, 60))
            load.stop()
            accepted = load.accepted
        self.assertGreater(len(accepted), len(self.arrived()[1][1]))
        self.dns.addresses = ["127.0.0.1"]
        self.assert_all_arrive_once(accepted)
        metrics = balancer.metrics()
        self.assertFalse(metrics.unbalanced())
        self.assertGreater(metrics.sum("kernspan_loadbalancer_rerouted_spans"), 0)

    def test_the_balancer_is_killed_with_its_queue_on_disk(self):
        self.backend(1)
        self.dns.addresses = ["127.0.0.1", "127.0.0.2"]
        balancer = self.balancer(ON_DISK)
        self.wait_for_backends(balancer, 2)
        with Load(self.balancer_address) as load:
            self.assertTrue(wait_until(lambda: len(load.accepted) > 2000, 60))
            load.stop()
            accepted = load.accepted
        balancer.kill()
        self.dns.addresses = ["127.0.0.1"]
        balancer = self.balancer(ON_DISK, name="balancer-2")
        wait_until(lambda: accepted <= set(self.arrived()[0]), ARRIVE_SECONDS_MAX)
        self.assertFalse(accepted - set(self.arrived()[0]), "acknowledged and lost")
        self.assertFalse(balancer.metrics().unbalanced())


if __name__ == "__main__":
    case_report.main("load_balancing_test")
