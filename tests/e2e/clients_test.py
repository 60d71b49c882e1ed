"""curl and wrk against nginx: every request is one SERVER span, with its method and its status."""

import collections
import json
import re
import secrets
import subprocess
import unittest

import case_report
from live_case import LiveCase, SpanWait, require
from otlp_lines import CLIENT, SERVER
from tiers import CONFIGS


def setUpModule():
    require(programs=("curl", "wrk"), services=("nginx",))


class ClientsTest(LiveCase):
    def setUp(self):
        super().setUp()
        self.mark = secrets.token_hex(6)
        self.stack = self.start_services("nginx")
        # wrk takes every processor: room for what comes while the agent waits for its turn.
        overlay = self.folder / "agent.yaml"
        overlay.write_text("receivers: {ebpf: {ring_buffer_size: 64MiB, max_exchanges: 262144}}\n",
                           encoding="utf-8")
        self.tiers = self.start_tiers(agent_configs=[CONFIGS / "agent.yaml", overlay])

    def spans_of(self, mark, requests):
        """The spans of paths with that mark, of both ends: the machine may have other traffic."""
        def is_marked(span):
            return mark in (span.path or "")
        spans = SpanWait(self.tiers.spans).until(
            lambda spans: sum(is_marked(span) for span in spans) >= 2 * requests)
        return [span for span in spans if is_marked(span)]

    def curl(self, *arguments):
        subprocess.run(["curl", "--silent", "--show-error", *arguments], check=True, timeout=60,
                       stdout=subprocess.DEVNULL)

    def test_curl_methods_and_statuses(self):
        url = self.stack.url
        wanted = []
        for serial in (f"{self.mark}-{number}" for number in range(10)):
            self.curl(f"{url}/hello/{serial}")
            self.curl("--head", f"{url}/hello/head-{serial}")
            self.curl("--data", "x" * 3000, f"{url}/hello/post-{serial}")
            self.curl("--request", "DELETE", f"{url}/missing/{serial}")
            wanted += [("GET", f"/hello/{serial}", 200), ("HEAD", f"/hello/head-{serial}", 200),
                       ("POST", f"/hello/post-{serial}", 200), ("DELETE", f"/missing/{serial}", 404)]
        spans = self.spans_of(self.mark, len(wanted))
        for kind in (SERVER, CLIENT):
            seen = [(span.method, span.path, span.status) for span in spans
                    if span.kind == kind and span.service == ("nginx" if kind == SERVER else "curl")]
            self.assertEqual(collections.Counter(seen), collections.Counter(wanted))
        clients = {span.id: span for span in spans if span.kind == CLIENT}
        for span in spans:
            if span.kind == SERVER and span.service == "nginx":
                self.assertEqual(clients[span.parent].path, span.path)
                self.assertEqual(span.evidence, "wire")

    def test_curl_over_one_connection(self):
        self.curl(*(f"{self.stack.url}/hello/{self.mark}-{serial}" for serial in range(50)))
        spans = self.spans_of(self.mark, 50)
        servers = collections.Counter(span.path for span in spans if span.kind == SERVER)
        self.assertEqual(servers, {f"/hello/{self.mark}-{serial}": 1 for serial in range(50)})

    def test_wrk_loses_nothing(self):
        output = subprocess.run(
            ["wrk", "--threads", "1", "--connections", "16", "--duration", "1s",
             f"{self.stack.url}/hello/{self.mark}"], check=True, timeout=60, capture_output=True, text=True)
        self.assertNotIn("Non-2xx", output.stdout)
        reported = int(re.search(r"(\d+) requests in", output.stdout)[1])
        served = self.served(f"/hello/{self.mark}")
        # wrk stops in the middle of its last requests.
        self.assertTrue(reported <= served <= reported + 16, (reported, served))
        spans = [span for span in self.spans_of(self.mark, served) if span.kind == SERVER]
        print(f"    {served} requests served, {len(spans)} spans", flush=True)
        self.assert_nothing_lost(self.tiers)
        self.assertEqual(len(spans), served)
        statuses = collections.Counter((span.method, span.status) for span in spans)
        # A client that is gone cannot be answered: at most its last requests lack a status.
        self.assertGreaterEqual(statuses["GET", 200], reported)
        self.assertEqual(len({span.id for span in spans}), served)

    def served(self, path):
        with open(self.stack.truth / "nginx.jsonl", encoding="utf-8") as log:
            return sum(json.loads(line)["path"] == path for line in log)


if __name__ == "__main__":
    case_report.main("clients_test")
