"""Selectors that look at pods: labels, namespaces and the annotation, as the kubelet names them, and as they change."""

import http.server
import os
import subprocess
import threading

import case_report
from certificates import Authority
from cgroups import NodeCgroups
from live_case import LiveCase, SpanWait, require
from otlp_lines import CLIENT
from processes import free_port, wait_until
from stand_in_kubelet import StandInKubelet, pod
from tiers import Daemon

CONFIG = """
receivers:
  ebpf:
    kubernetes:
      endpoint: ${env:KUBELET_URL}
      token_file: ${env:KUBELET_TOKEN}
      ca_file: ${env:KUBELET_CA}
      collection_interval: 1s
      enrichment_wait: 5s
    selectors:
      - {name: quiet, match: {k8s_pod_labels: {trace: "off"}}, action: ignore}
      - match: {k8s_namespace: shop, k8s_deployment_name: web}
        http: {request_headers: [x-request-id]}
      - match: {k8s_namespace: shop}
      - {name: rest, action: ignore}
exporters:
  file: {path: "${env:KERNSPAN_SPANS_FILE}"}
service:
  pipelines:
    traces: {receivers: [ebpf], exporters: [file]}
  telemetry:
    metrics:
      readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: "${env:KERNSPAN_METRICS_PORT}"}}}}]
"""
# A program that lives on: a request for each line, over a connection of its own.
CALLER = """
import sys, urllib.request
for line in sys.stdin:
    request = urllib.request.Request(line.strip(), headers={"X-Request-Id": "id-7"})
    urllib.request.urlopen(request, timeout=30).read()
    print("done", flush=True)
"""
WAIT_SECONDS_MAX = 60


def setUpModule():
    require(programs=("openssl",))


class Answers(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass

    def do_GET(self):  # pylint: disable=invalid-name
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


class PodSelectorsTest(LiveCase):
    def setUp(self):
        super().setUp()
        self.cgroups = NodeCgroups()
        self.addCleanup(self.cgroups.close)
        authority = Authority(self.folder / "ca")
        token = self.folder / "token"
        token.write_text("token\n", encoding="ascii")
        self.kubelet = StandInKubelet(authority, free_port(), "token")
        self.kubelet.__enter__()
        self.addCleanup(self.kubelet.__exit__)
        config = self.folder / "agent.yaml"
        config.write_text(CONFIG, encoding="utf-8")
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        spans = self.folder / "spans.jsonl"
        self.wait = SpanWait(spans)
        self.agent = Daemon("agent", self.folder, {
            "KUBELET_URL": self.kubelet.url, "KUBELET_TOKEN": str(token),
            "KUBELET_CA": str(authority.certificate), "KERNSPAN_SPANS_FILE": str(spans)}, [config])
        self.addCleanup(self.agent.stop)
        wait_until(lambda: self.metric("kernspan_kubelet_requests", outcome="reachable"), WAIT_SECONDS_MAX)
        self.asked = 0

    def metric(self, name, **labels):
        return self.agent.metrics().sum(name, **labels)

    def caller(self, container):
        program = subprocess.Popen(container.command("/usr/bin/python3", "-c", CALLER),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for close in (program.stdout.close, program.wait, program.kill, program.stdin.close):
            self.addCleanup(close)
        return program

    def ask(self, program, name):
        self.asked += 1
        path = f"/{name}-{self.asked}-{os.getpid()}"
        program.stdin.write(f"http://127.0.0.1:{self.server.server_address[1]}{path}\n")
        program.stdin.flush()
        self.assertEqual(program.stdout.readline(), "done\n")
        return path

    def spans_of(self, path):
        def found(spans):
            return [span for span in spans if span.kind == CLIENT and span.path == path]
        return found(self.wait.until(lambda spans: bool(found(spans))))

    def expect_traced(self, program, name):
        spans = self.spans_of(self.ask(program, name))
        self.assertEqual(len(spans), 1, name)
        return spans[0]

    def expect_ignored(self, program, name):
        """By the ledger: nothing is waited for that never comes."""
        def ignored():
            return (self.metric("kernspan_selected_exchanges", outcome="ignored") +
                    self.metric("kernspan_processes", outcome="ignored_transfers") +
                    self.metric("kernspan_capture_events", outcome="process_ignored"))
        before = ignored()
        path = self.ask(program, name)
        self.assertTrue(wait_until(lambda: ignored() > before, WAIT_SECONDS_MAX), name)
        return path

    def change(self, thing):
        """Until the agent has seen it and looked at its processes again."""
        before = self.metric("kernspan_reselected_processes")
        self.kubelet.put(thing)
        self.assertTrue(wait_until(lambda: self.metric("kernspan_reselected_processes") > before,
                                   WAIT_SECONDS_MAX))

    def test_labels_and_annotations_count_as_they_are_now(self):
        web, quiet = self.cgroups.container("web"), self.cgroups.container("quiet")
        web_name, hashed = "web-5d9c7b8f6c-x2x8p", {"pod-template-hash": "5d9c7b8f6c"}
        owner = ("ReplicaSet", "web-5d9c7b8f6c")
        # Nobody has told the agent of them when they make their first requests: it asks.
        self.kubelet.put(pod(web_name, web, owner=owner, labels=hashed))
        self.kubelet.put(pod("quiet", quiet, labels={"trace": "off"}))
        web_caller, quiet_caller = self.caller(web), self.caller(quiet)
        span = self.expect_traced(web_caller, "first")
        self.assertEqual(span.resource["k8s.pod.name"], web_name)
        self.assertEqual(span.attributes["http.request.header.x-request-id"],
                         {"values": [{"stringValue": "id-7"}]})
        first = self.expect_ignored(quiet_caller, "quiet")

        self.change(pod("quiet", quiet, labels={"trace": "on"}))
        span = self.expect_traced(quiet_caller, "loud")
        self.assertEqual(span.resource["k8s.pod.name"], "quiet")
        self.assertNotIn("http.request.header.x-request-id", span.attributes)

        self.change(pod(web_name, web, owner=owner, labels=hashed, annotations={"kernspan.io/trace": "false"}))
        second = self.expect_ignored(web_caller, "by-annotation")
        # "true" brings back what a rule leaves out.
        self.change(pod("quiet", quiet, labels={"trace": "off"}))
        third = self.expect_ignored(quiet_caller, "off-again")
        self.change(pod("quiet", quiet, labels={"trace": "off"}, annotations={"kernspan.io/trace": "true"}))
        self.expect_traced(quiet_caller, "by-annotation")

        spans = self.wait.until(lambda spans: False)
        self.assertEqual([span.path for span in spans if span.path in (first, second, third)], [])
        self.assertEqual(self.agent.stop(), 0)
        self.assertEqual(set(self.agent.summary().values()), {"balances"}, self.agent.summary())

    def test_what_is_in_no_pod_follows_the_last_rule(self):
        web = self.cgroups.container("web")
        self.kubelet.put(pod("web", web))
        self.expect_traced(self.caller(web), "in-pod")
        # The server is this test itself, and in no pod.
        spans = self.wait.until(lambda spans: False)
        self.assertEqual({span.kind for span in spans if str(os.getpid()) in (span.path or "")}, {CLIENT})
        self.assertEqual(self.agent.stop(), 0)


if __name__ == "__main__":
    case_report.main("pod_selectors_test")
