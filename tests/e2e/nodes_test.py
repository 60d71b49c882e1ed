"""Traces across two nodes: each has an agent, its services call the other's without a header, over a link
that delays, reorders and loses packets; one agent's clock is 200 ms fast. The truth is that of the services
(score.py)."""

import collections
import pathlib
import statistics
import unittest

import case_report
from live_case import LiveCase, require
from otlp_lines import CLIENT, SERVER
from processes import Program, free_port
from score import read_truth, score, table
from stack import ORDER
from tiers import CONFIGS, Daemon, SpanWait
from two_nodes import TwoNodes

FAKETIME = pathlib.Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
SKEW_NS = 200_000_000
PEER, DERIVED = "kernspan.stitch.peer_trace_id", "kernspan.stitch.derived"
AGENT_OVERLAY = """
receivers:
  ebpf: {network_namespaces: [/proc/self/ns/net]}
"""


def setUpModule():
    require(programs=["ip"], services=ORDER)
    if not FAKETIME.exists():
        raise unittest.SkipTest("not installed: faketime")
    if not pathlib.Path("/dev/net/tun").exists():
        raise unittest.SkipTest("no /dev/net/tun")


class NodesTest(LiveCase):
    def start_nodes(self, **link):
        nodes = TwoNodes(self.folder, **link)
        self.addCleanup(lambda: print(f"    link: {nodes.stop()}", flush=True))
        return nodes

    def daemon(self, *arguments, **options):
        daemon = Daemon(*arguments, **options)
        self.addCleanup(daemon.stop)
        return daemon

    def start_agent(self, node, name, gateway, environment=None):
        overlay = self.folder / "agent-overlay.yaml"
        overlay.write_text(AGENT_OVERLAY, encoding="utf-8")
        with node.inside():
            return self.daemon("agent", self.folder, {"KERNSPAN_GATEWAY_ENDPOINT": gateway,
                                                      **(environment or {})},
                               [CONFIGS / "agent.yaml", overlay], name=name)

    def test_calls_between_nodes(self):
        nodes = self.start_nodes(delay_ms=0.5, jitter_ms=2, loss=0.01, seed=7)
        # Over IPv6; to a socket of both families over IPv4; on the same node; with a connection each.
        stack = self.start_services(*ORDER, places={
            "nginx": nodes.a.place("127.0.0.1", "127.0.0.1"), "shop": nodes.b.place(host=nodes.b.host_v6),
            "pricing": nodes.a.place(bind="::"), "discounts": nodes.a.place(),
            "inventory": nodes.b.place()})
        spans_file = self.folder / "spans.jsonl"
        federation = f"127.0.0.1:{free_port()}"
        gateway = f"{nodes.a.machine}:{free_port()}"
        self.daemon("federation", self.folder, {"KERNSPAN_FEDERATION_LISTEN": federation,
                                                "KERNSPAN_SPANS_FILE": str(spans_file)})
        self.daemon("gateway", self.folder, {"KERNSPAN_GATEWAY_LISTEN": gateway,
                                             "KERNSPAN_FEDERATION_ENDPOINT": federation})
        agents = {"a": (nodes.a, self.start_agent(nodes.a, "agent-a", gateway)),
                  "b": (nodes.b, self.start_agent(nodes.b, "agent-b", gateway, {
                      "LD_PRELOAD": str(FAKETIME), "FAKETIME": "+0.2",
                      "FAKETIME_DONT_FAKE_MONOTONIC": "1"}))}
        with nodes.a.inside():
            driver = self.driver(stack, "nodes", requests=600, concurrency=16)
        self.finish_driver(driver)
        truth = read_truth(stack.truth, "nodes")
        spans = SpanWait(spans_file).until(
            lambda spans: sum(span.path in truth for span in spans) >= 2 * len(truth))
        for name, (node, agent) in agents.items():
            print(name, agent.log()[-1500:])
            with node.inside():
                m=agent.metrics(); print(m.by_label('kernspan_capture_events','outcome'), m.by_label('kernspan_processes','outcome'), m.stages())
        self.assert_skew(spans)
        result = score(truth, spans)
        print("    " + table(result).replace("\n", "\n    "), flush=True)
        joined = score(truth, reference_join(spans))
        print("    " + table(joined).replace("\n", "\n    "), flush=True)
        for node, agent in agents.values():
            with node.inside():
                print(agent.metrics().by_label("kernspan_node_links", "outcome"))

    def assert_skew(self, spans):
        """The clocks really differ: what node b serves seems to begin 200 ms late."""
        served = {(span.path, span.kind): span for span in spans}
        late = [served[path, SERVER].start_ns - span.start_ns for (path, kind), span in served.items()
                if kind == CLIENT and path and path.startswith("/checkout/") and (path, SERVER) in served]
        print(f"    skew {statistics.median(late) / 1e6:.1f} ms")


def reference_join(spans):
    announced = {span.attributes[PEER]: span for span in spans if PEER in span.attributes}
    def final(trace):
        while trace in announced:
            trace = announced[trace].trace
        return trace
    out = []
    for span in spans:
        changes = {"trace": final(span.trace)}
        if not span.parent and span.trace in announced:
            changes |= {"parent": announced[span.trace].id, "evidence": "wire"}
        out.append(span._replace(**changes))
    return out


if __name__ == "__main__":
    case_report.main("nodes_test")
