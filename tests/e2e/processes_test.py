"""Programs that have just started, and many that live shortly."""

import collections
import concurrent.futures
import os
import socket
import subprocess
import time
import unittest

import case_report
from bpf_objects import bpf_objects
from live_case import LiveCase, SpanWait, bin_folder, require
from otlp_lines import CLIENT, SERVER
from processes import wait_until

INSTANT_SERVER = bin_folder().parent / "tests" / "instant_server"


def setUpModule():
    require(programs=("curl", "bpftool"), services=("nginx",))


class NewProcessesTest(LiveCase):
    def serve_once(self, path):
        """Starts a server whose first request is waiting for it. Its pid, and the seconds to the answer."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            with socket.create_connection(listener.getsockname()) as client:
                client.sendall(f"GET {path} HTTP/1.1\r\nHost: instant\r\n\r\n".encode())
                start = time.monotonic()
                with subprocess.Popen([INSTANT_SERVER], stdin=listener) as server:
                    self.assertTrue(client.recv(1000).startswith(b"HTTP/1.1 200"))
                    return server.pid, time.monotonic() - start

    def test_first_request_right_after_exec(self):
        tiers = self.start_tiers()
        runs = {path: self.serve_once(path)
                for path in (f"/instant/{os.getpid()}-{number}" for number in range(20))}
        spans = SpanWait(tiers.spans).until(
            lambda spans: sum(span.path in runs and span.kind == SERVER for span in spans) >= len(runs))
        seconds = sorted(taken for _, taken in runs.values())
        print(f"    answered {1000 * seconds[0]:.1f} to {1000 * seconds[-1]:.1f} ms after the start of the "
              "program", flush=True)
        self.assertLess(seconds[0], 0.05)
        seen = {span.path: (span.pid, span.service, span.status) for span in spans
                if span.kind == SERVER and span.path in runs}
        self.assertEqual(seen, {path: (pid, "instant_server", 200) for path, (pid, _) in runs.items()})


class ShortLivedProcessesTest(LiveCase):
    WARM_UP = 300
    PROCESSES = 2000
    SECONDS_MAX = 60
    RSS_GROWTH_MAX_KIB = 8 * 1024

    def run_curls(self, stack, name, count):
        def one(number):
            subprocess.run(["curl", "--silent", "--output", "/dev/null",
                            f"{stack.url}/hello/{name}-{number}"], check=True, timeout=60)
        start = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
            list(pool.map(one, range(count)))
        return time.monotonic() - start

    def settled(self, agent):
        """Waits until nothing is in flight; the agent's resident memory."""
        def is_idle():
            metrics = agent.metrics()
            return metrics.sum("kernspan_exchanges_held") == 0 and metrics.sum("kernspan_stage_held") == 0
        wait_until(is_idle, 20, 0.5)
        return agent.rss_kib()

    def test_leave_memory_and_bpf_objects_where_they_were(self):
        stack = self.start_services("nginx")
        tiers = self.start_tiers()
        self.run_curls(stack, "warm-up", self.WARM_UP)
        rss_before = self.settled(tiers.agent)
        objects_before = bpf_objects(tiers.agent.pid)
        connections_before = tiers.agent.metrics().sum("kernspan_connections")

        seconds = self.run_curls(stack, "short", self.PROCESSES)
        spans = SpanWait(tiers.spans).until(
            lambda spans: sum("/hello/short-" in (span.path or "") for span in spans)
            >= 2 * self.PROCESSES)
        rss_after = self.settled(tiers.agent)
        print(f"    {self.PROCESSES} processes in {seconds:.1f} s; the agent's memory: {rss_before} KiB "
              f"before, {rss_after} KiB after", flush=True)

        self.assertLess(seconds, self.SECONDS_MAX)
        self.assertLess(rss_after - rss_before, self.RSS_GROWTH_MAX_KIB)
        self.assertEqual(bpf_objects(tiers.agent.pid), objects_before)
        self.assertLessEqual(tiers.agent.metrics().sum("kernspan_connections"), connections_before + 8)
        wanted = {f"/hello/short-{number}": 1 for number in range(self.PROCESSES)}
        for kind, service in ((SERVER, "nginx"), (CLIENT, "curl")):
            seen = collections.Counter(span.path for span in spans
                                       if (span.kind, span.service) == (kind, service)
                                       and span.path.startswith("/hello/short-"))
            self.assertEqual(seen, wanted, f"{kind} spans of {service}")
        self.assert_ledgers_balance(tiers)


if __name__ == "__main__":
    case_report.main("processes_test")
