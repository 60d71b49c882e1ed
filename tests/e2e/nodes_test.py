"""Traces across two nodes: each has an agent, its services call the other's without a header, over a link
that delays, reorders and loses packets; one agent's clock is 200 ms fast. Each agent sends to a gateway of its
own; these and a third hand each other what they do not own, and keep only traces that they see whole. The
truth is that of the services (score.py, rpc_score.py)."""

import pathlib
import statistics
import unittest

import case_report
import rpc_score
from live_case import require
from otlp_lines import CLIENT, SERVER
from processes import free_port, wait_until
from rpc_case import RpcCase, require_languages, rpc
from score import read_truth, score, table
from stack import ORDER
from tiers import CONFIGS, Daemon, SpanWait
from two_nodes import TwoNodes

FAKETIME = pathlib.Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
SKEW_MS = 200
FAST_CLOCK = {"LD_PRELOAD": str(FAKETIME), "FAKETIME": f"+{SKEW_MS / 1000}",
              "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
MARKS = ("kernspan.stitch.derived", "kernspan.stitch.peer_trace_id")
AGENT_OVERLAY = """
receivers:
  ebpf: {network_namespaces: [/proc/self/ns/net]}
processors:
  # Both nodes are one host; the gateway must not think so.
  resource: {attributes: [{key: host.name, value: "${env:NODE_NAME}", action: upsert}]}
service:
  pipelines:
    traces: {processors: [resource, batch]}
"""
GATEWAY_OVERLAY = """
processors:
  stitch: {replicas: replicas, clock_skew: {action: "${env:SKEW_ACTION}"}}
  tail_sampling:
    replicas: replicas
    decision_wait: 5s
    policies: [{name: whole, type: span_count, span_count: {min_spans: "${env:WHOLE_SPANS}"}}]
extensions:
  replicas:
    endpoint: ${env:REPLICA_ENDPOINT}
    resolver: {static: {hostnames: "${env:REPLICAS}"}}
    hello_interval: 200ms
    settle_window: 2s
service:
  extensions: [replicas]
  pipelines:
    traces: {processors: [stitch, tail_sampling, batch]}
"""
GATEWAYS = 3
WARM_UP_CALLS = 90
PATIENCE_SECONDS = 60  # for what comes within some seconds on an idle machine
QUIET_SECONDS = 15  # what a trace waits for its decision, and for confirmations of its links


def setUpModule():
    require(programs=["ip"], services=ORDER)
    if not FAKETIME.exists():
        raise unittest.SkipTest("not installed: faketime")
    if not pathlib.Path("/dev/net/tun").exists():
        raise unittest.SkipTest("no /dev/net/tun")
    RpcCase.programs = require_languages("go")


class NodesTest(RpcCase):
    def setUp(self):
        super().setUp()
        self.nodes = TwoNodes(self.folder, delay_ms=0.5, jitter_ms=2, loss=0.01, seed=7)
        self.addCleanup(self.stop_nodes)
        self.spans_file = self.folder / "spans.jsonl"
        self.daemons = []
        self.agents = []  # (node, agent)
        self.replicas = []

    def stop_nodes(self):
        self.show("link", str(self.nodes.stop()))

    def config(self, name, text):
        path = self.folder / f"{name}-overlay.yaml"
        path.write_text(text, encoding="utf-8")
        return [CONFIGS / f"{name}.yaml", path]

    def start_daemon(self, *arguments, **options):
        daemon = Daemon(*arguments, **options)
        self.addCleanup(daemon.stop)
        self.daemons.append(daemon)
        return daemon

    def start_tracing(self, skew_action, whole_spans):
        """Federation, gateways that keep traces of so many spans, and an agent in each node; b's clock is
        fast."""
        federation = f"127.0.0.1:{free_port()}"
        gateways = [f"{self.nodes.a.machine}:{free_port()}" for _ in range(GATEWAYS)]
        peers = [f"127.0.0.1:{free_port()}" for _ in range(GATEWAYS)]
        self.start_daemon("federation", self.folder, {"KERNSPAN_FEDERATION_LISTEN": federation,
                                                      "KERNSPAN_SPANS_FILE": str(self.spans_file)})
        config = self.config("gateway", GATEWAY_OVERLAY)
        self.replicas = [self.start_daemon(
            "gateway", self.folder,
            {"KERNSPAN_GATEWAY_LISTEN": gateway, "KERNSPAN_FEDERATION_ENDPOINT": federation,
             "REPLICA_ENDPOINT": peer, "REPLICAS": f"[{', '.join(peers)}]",
             "SKEW_ACTION": skew_action, "WHOLE_SPANS": str(whole_spans)},
            config, name=f"gateway-{number}")
            for number, (gateway, peer) in enumerate(zip(gateways, peers))]
        self.assertTrue(wait_until(
            lambda: all(each.metrics().sum("kernspan_replicas_ring_size") == GATEWAYS for each in self.replicas),
            30), "the replicas do not agree on the ring")
        for node, name, gateway, clock in ((self.nodes.a, "agent-a", gateways[0], {}),
                                           (self.nodes.b, "agent-b", gateways[1], FAST_CLOCK)):
            with node.inside():
                agent = self.start_daemon("agent", self.folder,
                                          {"KERNSPAN_GATEWAY_ENDPOINT": gateway, "NODE_NAME": name,
                                           **clock},
                                          self.config("agent", AGENT_OVERLAY), name=name)
            self.agents.append((node, agent))

    def wait_for(self, is_enough):
        """The spans, once there are enough, or no more come."""
        wait = SpanWait(self.spans_file)
        wait.QUIET_SECONDS = QUIET_SECONDS
        return wait.until(is_enough)

    def agent_counts(self, metric, label):
        """Of both agents."""
        counts = []
        for node, agent in self.agents:
            with node.inside():
                counts.append(agent.metrics().by_label(metric, label))
        return counts

    def assert_daemons_balance(self):
        """All have stopped orderly and with their books in balance, and nothing was dropped."""
        for daemon in reversed(self.daemons):
            self.assertEqual(daemon.stop(), 0, daemon.log())
            self.assertEqual({*daemon.summary().values()}, {"balances"}, daemon.log())
            self.assertNotIn("could not be handed to their owners", daemon.log())

    def assert_skew(self, spans):
        """The clocks really differ: what b serves seems to begin later than the call by as much; and the
        gateway has found that out."""
        ends = {(span.path, span.kind): span for span in spans if span.path}
        late = [ends[path, SERVER].start_ns - call.start_ns for (path, kind), call in ends.items()
                if kind == CLIENT and path.startswith("/checkout/") and (path, SERVER) in ends]
        seen_ms = statistics.median(late) / 1e6
        said = [span.attributes.get("kernspan.stitch.clock_skew_ns", 0) for span in spans
                if span.kind == SERVER and span.path and span.path.startswith("/checkout/")]
        said_ms = statistics.median(said) / 1e6
        self.show("b's clock", f"{seen_ms:.1f} ms fast by its spans, {said_ms:.1f} ms says the gateway")
        self.assertGreater(seen_ms, 0.9 * SKEW_MS)
        self.assertLess(seen_ms, 2 * SKEW_MS)
        self.assertAlmostEqual(said_ms, SKEW_MS, delta=0.1 * SKEW_MS)

    def test_http_calls(self):
        a, b = self.nodes.a, self.nodes.b
        # shop is called over IPv6, pricing over IPv4 at a socket of both families, inventory over
        # connections of one request each, and discounts by its neighbour.
        stack = self.start_services(*ORDER, places={
            "nginx": a.place("127.0.0.1", "127.0.0.1"), "shop": b.place(host=b.host_v6),
            "pricing": a.place(bind="::"), "discounts": a.place(), "inventory": b.place()})
        # Five calls, with two spans each.
        self.start_tracing("mark", whole_spans=10)
        with a.inside():
            driver = self.driver(stack, "nodes", requests=600, concurrency=16)
        self.finish_driver(driver)
        truth = read_truth(stack.truth, "nodes")
        spans = self.wait_for(
            lambda spans: sum(span.path in truth for span in spans) >= 2 * len(truth))
        result = score(truth, spans)
        self.show("links", table(result))
        self.show("nodes", str(self.agent_counts("kernspan_node_links", "outcome")))
        self.assert_skew(spans)
        self.assertEqual(result.total("wrong"), 0)
        self.assertEqual(result.mixed_traces, 0)
        self.assertGreaterEqual(result.complete_share, 0.995)
        self.assertFalse(result.missing_spans)
        self.assertFalse(result.extra_spans)
        self.assertFalse(result.wrong_values)
        marked = [span for span in spans if span.path in truth and any(mark in span.attributes for mark in MARKS)]
        self.assertLessEqual(len(marked), 0.005 * len(spans), marked[:3])
        self.assert_daemons_balance()

    def test_grpc_calls(self):
        """Streams of one connection, and what the server calls for them on the first node again."""
        a, b = self.nodes.a.place(), self.nodes.b.place()
        following = rpc.Server(self.programs, "go", self.folder, place=a)
        self.addCleanup(following.stop)
        server = rpc.Server(self.programs, "go", self.folder, following.port, place=b, callee=a)
        self.addCleanup(server.stop)
        client = rpc.Client(self.programs, "go", server.port, self.folder, place=a, callee=b)
        self.addCleanup(client.stop)
        self.start_tracing("correct", whole_spans=2)
        # The probes come when the programs are seen to speak HTTP/2, and each gateway learns of the clocks from
        # the calls that it joins itself: about a third of two for each of these.
        client.call([rpc.sized(rpc.Call(id=f"first-{n}", method="Forward"), 5000 + n)
                     for n in range(WARM_UP_CALLS)])
        self.assertTrue(wait_until(lambda: all(
            counts["attached"] for counts in
            self.agent_counts("kernspan_grpc_go_executables", "outcome")), PATIENCE_SECONDS))
        self.assertTrue(wait_until(lambda: sum(
            each.metrics().sum("kernspan_stitch_traces", outcome="joined") for each in self.replicas)
            >= 0.9 * 2 * WARM_UP_CALLS, PATIENCE_SECONDS), "the gateways have not joined the first calls")
        calls = [rpc.sized(rpc.Call(id=f"node-{n}", method="Forward" if n % 2 else "Unary"), 200 + n)
                 for n in range(400)]
        client.call(calls)
        expected = rpc_score.expectations(calls, client, server, following, rpc)
        pids = {each.pid for each in expected}
        spans = self.wait_for(
            lambda spans: sum(span.pid in pids for span in spans) >= len(expected) + 4 * WARM_UP_CALLS)
        sizes = {rpc.message_bytes(call)[0] for call in calls}
        result = rpc_score.score(expected, spans, lambda span: rpc_score.message_size(span) in sizes)
        self.show("gRPC", "\n".join(result.table().splitlines()[:4]))
        self.assert_complete(result)
        for links in (result.joins, result.onward):
            self.assertEqual(links["wrong"], 0)
        self.assertGreaterEqual(result.joins["right"], 0.995 * sum(result.joins.values()))
        self.assertGreaterEqual(result.onward["right"], 0.995 * sum(result.onward.values()))
        self.assert_daemons_balance()


if __name__ == "__main__":
    case_report.main("nodes_test")
