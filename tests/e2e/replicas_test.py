"""Three gateways behind one service, which hand each other what they do not own: each trace is decided on as a
whole, whatever replica its spans came to, and while the replicas are restarted one after the other."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "workloads"))
import case_report  # noqa: E402
from processes import free_port, wait_until  # noqa: E402
from tiers import Daemon  # noqa: E402
from otlp_lines import SpanFile  # noqa: E402
from otlp_load import is_possible  # noqa: E402
from trace_load import KINDS, TraceLoad  # noqa: E402

GATEWAY = """
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: ${env:KERNSPAN_GATEWAY_LISTEN}
processors:
  tail_sampling:
    replicas: replicas
    decision_wait: 6s
    num_shards: 2
    policies:
      - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
      - {name: large, type: span_count, span_count: {min_spans: 6}}
exporters:
  otlp:
    endpoint: ${env:KERNSPAN_FEDERATION_ENDPOINT}
    tls:
      insecure: true
    retry_on_failure:
      initial_interval: 50ms
      max_interval: 200ms
      max_elapsed_time: 0s
    sending_queue:
      queue_size: 100000
      storage: file_storage
extensions:
  file_storage:
    directory: ${env:QUEUE_DIRECTORY}
    timeout: 100ms
  replicas:
    endpoint: ${env:REPLICA_ENDPOINT}
    resolver:
      static:
        hostnames: ${env:REPLICAS}
    hello_interval: 200ms
    down_after: 2s
    settle_window: 2s
service:
  extensions: [file_storage, replicas]
  pipelines:
    traces:
      receivers: [otlp]
      processors: [tail_sampling]
      exporters: [otlp]
  telemetry:
    metrics:
      readers:
        - pull:
            exporter:
              prometheus:
                host: 127.0.0.1
                port: ${env:KERNSPAN_METRICS_PORT}
"""
REPLICAS = 3
STAGE = "processors/tail_sampling (traces)"


def setUpModule():
    if not is_possible():
        raise unittest.SkipTest("not installed: python3-grpcio")


class ReplicasTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kernspan-replicas-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.config = self.folder / "gateway.yaml"
        self.config.write_text(GATEWAY, encoding="utf-8")
        federation = free_port()
        self.endpoints = [f"127.0.0.1:{free_port()}" for _ in range(REPLICAS)]
        self.addresses = [f"127.0.0.1:{free_port()}" for _ in range(REPLICAS)]
        self.spans = self.folder / "spans.jsonl"
        self.environment = {
            "KERNSPAN_FEDERATION_LISTEN": f"127.0.0.1:{federation}",
            "KERNSPAN_FEDERATION_ENDPOINT": f"127.0.0.1:{federation}",
            "KERNSPAN_SPANS_FILE": str(self.spans),
            "REPLICAS": "[" + ", ".join(self.addresses) + "]",
        }
        self.starts = 0
        self.live = {}
        self.addCleanup(lambda: [daemon.stop() for daemon in self.live.values()])
        self.live["federation"] = Daemon("federation", self.folder, self.environment)
        for number in range(REPLICAS):
            self.start(number)
        self.wait_for_rings(REPLICAS)

    def start(self, number):
        queue = self.folder / f"queue-{number}"
        queue.mkdir(exist_ok=True)
        self.starts += 1
        self.live[number] = Daemon(
            "gateway", self.folder,
            {**self.environment, "KERNSPAN_GATEWAY_LISTEN": self.endpoints[number],
             "REPLICA_ENDPOINT": self.addresses[number], "QUEUE_DIRECTORY": str(queue)},
            [self.config], name=f"gateway-{number}-{self.starts}")

    def gateways(self):
        return [daemon for name, daemon in self.live.items() if name != "federation"]

    def wait_for_rings(self, size):
        def is_so():
            return all(each.metrics().sum("kernspan_replicas_ring_size") == size for each in self.gateways())
        self.assertTrue(wait_until(is_so, 30, 0.2), "the replicas do not agree on the ring")

    def stop_gateway(self, number):
        """As a rollout does. What it counted while it lived."""
        daemon = self.live[number]
        self.assertEqual(daemon.stop(), 0, daemon.log())
        del self.live[number]
        summary = daemon.summary()
        self.assertTrue(summary, daemon.log())
        for stage, words in summary.items():
            self.assertIn(words, ("balances", "from disk"), f"{stage}\n{daemon.log()}")
        self.assertNotIn("could not be handed to their owners", daemon.log())
        self.assertNotIn("the books are off", daemon.log())

    def assert_decided_as_one(self, load):
        traces = load.traces()
        expected = {(trace, span) for kind in ("error", "large")
                    for trace, spans in traces[kind].items() for span in spans}
        for kind, (count, _) in KINDS.items():
            self.assertTrue(traces[kind], f"no trace of kind {kind}")
            self.assertEqual({len(spans) for spans in traces[kind].values()}, {count}, kind)
        arrived, lines = [], SpanFile(self.spans)

        def has_all():
            arrived.extend((span.trace, span.id) for span in lines.read())
            return expected <= set(arrived)
        # Then time for what should not come.
        wait_until(has_all, 60, 0.2)
        missing = expected - set(arrived)
        split = {trace for trace, _ in missing} & {trace for trace, _ in arrived}
        print(f"    {sum(map(len, traces.values()))} traces, {len(expected)} spans to keep, {len(arrived)} "
              f"arrived, {len(arrived) - len(set(arrived))} twice, {len(missing)} missing", flush=True)
        self.assertFalse(split, "some spans of these traces arrived")
        self.assertFalse(missing, "never arrived")
        wait_until(lambda: set(arrived) - expected or self.is_at_rest(), 30, 0.2)
        has_all()
        self.assertFalse(set(arrived) - expected, "dropped traces leak")

    def is_at_rest(self):
        return all(each.metrics().stages()[STAGE].held == 0 for each in self.gateways())

    def test_whole_traces_behind_one_service(self):
        with TraceLoad(self.endpoints, seed=1) as load:
            self.assertTrue(wait_until(lambda: len(load.traces()["error"]) > 100, 60, 0.2))
            load.stop()
            self.assert_decided_as_one(load)
        stages = [each.metrics().stages()[STAGE] for each in self.gateways()]
        taken = sum(stage.taken for stage in stages)
        handed = sum(stage.to_peers for stage in stages)
        # Two of three belong to others.
        self.assertGreater(handed, taken / 2)
        self.assertEqual(sum(stage.from_peers for stage in stages), handed)
        for each in self.gateways():
            self.assertEqual(each.metrics().unbalanced(), {})
            self.assertGreater(each.metrics().sum("kernspan_replicas_owned_share"), 0.1)

    def test_a_rolling_restart_under_load(self):
        alone = 0
        with TraceLoad(self.endpoints, seed=2) as load:
            for number in range(REPLICAS):
                before = len(load.traces()["error"])
                self.assertTrue(wait_until(lambda: len(load.traces()["error"]) > before + 60, 60, 0.2))
                self.stop_gateway(number)
                self.wait_for_rings(REPLICAS - 1)
                self.start(number)
                self.wait_for_rings(REPLICAS)
            before = len(load.traces()["error"])
            self.assertTrue(wait_until(lambda: len(load.traces()["error"]) > before + 60, 60, 0.2))
            load.stop()
            self.assert_decided_as_one(load)
        for each in self.gateways():
            alone += each.metrics().sum("kernspan_replicas_alone_decisions")
        self.assertEqual(alone, 0)
        for number in range(REPLICAS):
            self.stop_gateway(number)

    def test_a_replica_that_dies_takes_only_what_it_held(self):
        with TraceLoad(self.endpoints, seed=3) as load:
            self.assertTrue(wait_until(lambda: len(load.traces()["error"]) > 60, 60, 0.2))
            self.live[0].kill()
            del self.live[0]
            self.wait_for_rings(REPLICAS - 1)
            known = load.traces()
            old = {trace for kind in known.values() for trace in kind}
            before = len(known["error"])
            self.assertTrue(wait_until(lambda: len(load.traces()["error"]) > before + 60, 60, 0.2))
            load.stop()
            self.assertTrue(wait_until(self.is_at_rest, 60, 0.2))
            traces = load.traces()
        new = {(trace, span) for kind in ("error", "large") for trace, spans in traces[kind].items()
               if trace not in old for span in spans}
        self.assertTrue(new)
        lines, arrived = SpanFile(self.spans), set()

        def has_all():
            arrived.update((span.trace, span.id) for span in lines.read())
            return new <= arrived
        wait_until(has_all, 60, 0.2)
        self.assertFalse(new - arrived, "began when the other two were a tier of two")


if __name__ == "__main__":
    case_report.main("replicas_test")
