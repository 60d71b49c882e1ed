"""An agent over its overhead budget: whole connections are left out, the same at both ends; what is left
stands for all, and what was left out is counted."""

import collections
import math
import os
import shutil
import subprocess
import sys

import case_report
from live_case import LiveCase, SpanWait, require
from otlp_lines import CLIENT, SERVER
from processes import wait_until
from tiers import CONFIGS

MASK = (1 << 64) - 1
PROGRAM = "shedload"
# A server that answers one connection after the other, and a client: a line for each connection with its port.
LOAD = """
import socket, sys
def serve(listener):
    while True:
        connection, _ = listener.accept()
        with connection:
            while True:
                request = b""
                while not request.endswith(b"\\r\\n\\r\\n"):
                    more = connection.recv(4096)
                    if not more:
                        break
                    request += more
                if not request:
                    break
                connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
def call(port, connections, requests):
    for _ in range(connections):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            print(connection.getsockname()[1])
            for number in range(requests):
                connection.sendall(b"GET /item HTTP/1.1\\r\\nHost: load\\r\\n\\r\\n")
                answer = b""
                while not answer.endswith(b"ok"):
                    answer += connection.recv(4096)
if sys.argv[1] == "serve":
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        serve(listener)
else:
    call(*map(int, sys.argv[2:]))
"""


def mix(word):
    word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9 & MASK
    word = (word ^ word >> 27) * 0x94d049bb133111eb & MASK
    return word ^ word >> 31


def randomness(port):
    """Of a connection from 127.0.0.1: what bpf/abi/shed.h says, written once more."""
    low = int.from_bytes(bytes(10)[:2] + b"\xff\xff" + bytes((127, 0, 0, 1)), "little")
    return mix(mix(mix(0x9e3779b97f4a7c15) ^ low) + port & MASK) >> 8


class OverheadBudgetTest(LiveCase):
    # One in 16 connections is followed; of so many that chance may miss their number by a third, not by a half.
    STEP, CONNECTIONS, REQUESTS, KEPT_ALIVE = 4, 3000, 20, 200

    def setUp(self):
        require()
        super().setUp()
        # A name of its own: nobody else's connections are traced, or counted.
        self.program = self.folder / PROGRAM
        shutil.copy(os.path.realpath(sys.executable), self.program)
        (self.folder / "load.py").write_text(LOAD, encoding="utf-8")

    def load(self, *arguments):
        process = subprocess.Popen([self.program, self.folder / "load.py", *map(str, arguments)],
                                   stdout=subprocess.PIPE, text=True,
                                   env={**os.environ, "PYTHONHOME": sys.base_prefix})
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def gauge(self, tiers, name):
        return tiers.agent.metrics().sum(name)

    def test_what_is_kept_stands_for_all(self):
        overlay = self.folder / "agent.yaml"
        overlay.write_text(
            f"receivers: {{ebpf: {{include_executables: [{PROGRAM}], overhead_budget: "
            f"{{max_cpus: 0.00001, min_probability: {0.5 ** self.STEP}}}}}}}\n", encoding="utf-8")
        tiers = self.start_tiers(agent_configs=[CONFIGS / "agent.yaml", overlay])
        # The agent alone costs more than that.
        self.assertTrue(wait_until(
            lambda: self.gauge(tiers, "kernspan_followed_probability") == 0.5 ** self.STEP, 30))
        self.assertEqual(tiers.agent.log().count("over the overhead budget"), 1)

        server = self.load("serve")
        port = server.stdout.readline().strip()
        ports, opened = collections.Counter(), collections.Counter()  # requests and connections, by port
        for connections, requests in ((self.CONNECTIONS, 1), (self.KEPT_ALIVE, self.REQUESTS)):
            client = self.load("call", port, connections, requests)
            output, _ = client.communicate(timeout=120)
            self.assertEqual(client.returncode, 0)
            of_run = collections.Counter(map(int, output.split()))
            self.assertEqual(of_run.total(), connections)
            opened.update(of_run)
            ports.update({each: count * requests for each, count in of_run.items()})
            self.check_share(of_run)
        threshold = (1 << 56) - (1 << 56 - self.STEP)
        kept = {each: count for each, count in ports.items() if randomness(each) >= threshold}

        spans = SpanWait(tiers.spans).until(lambda spans: len(spans) >= 2 * sum(kept.values()))
        self.assertFalse([span for span in spans if span.partial])
        servers = [span for span in spans if span.kind == SERVER]
        self.assertEqual(collections.Counter(span.attributes["network.peer.port"] for span in servers), kept)
        self.assertEqual(sum(span.kind == CLIENT for span in spans), len(servers))
        self.assertEqual({span.evidence for span in spans if span.kind == SERVER}, {"wire"})
        self.assertEqual({span.attributes.get("sampling.adjusted_count") for span in spans}, {2.0 ** self.STEP})
        for line in tiers.spans.read_text(encoding="utf-8").splitlines():
            self.assertEqual(line.count('"traceState":"ot=th:f;rv:f'), line.count('"traceId"'))
        # Both ends of each connection: those followed, and those left out.
        connections = self.CONNECTIONS + self.KEPT_ALIVE
        followed = sum(opened[each] for each in kept)
        self.assertTrue(wait_until(lambda: self.gauge(tiers, "kernspan_shed_connections")
                                   >= 2 * (connections - followed), 10))
        self.assertEqual(self.gauge(tiers, "kernspan_shed_connections"), 2 * (connections - followed))
        metrics = tiers.agent.metrics()
        cost = {part: metrics.sum("kernspan_overhead_cpu_seconds", part=part, method="measured")
                for part in ("agent", "probes")}
        print(f"    {len(spans)} spans of {sum(ports.values())} requests, CPU seconds {cost}", flush=True)
        self.assertGreater(min(cost.values()), 0)
        self.assert_nothing_lost(tiers)
        self.assert_ledgers_balance(tiers)

    def check_share(self, ports):
        """Within five standard deviations of what it should be: once in two million runs it is not."""
        share = 0.5 ** self.STEP
        threshold = (1 << 56) - (1 << 56 - self.STEP)
        kept = sum(count for port, count in ports.items() if randomness(port) >= threshold)
        expected = ports.total() * share
        self.assertLess(abs(kept - expected), 5 * math.sqrt(expected * (1 - share)))


if __name__ == "__main__":
    case_report.main("overhead_budget_test")
