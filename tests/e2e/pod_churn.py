"""Runs a node's worth of pods past the agent: each makes requests as it starts, as it lives and as it ends."""

import collections
import concurrent.futures
import re
import time

from live_case import SpanWait
from otlp_lines import CLIENT
from pod_node import expected_attributes

Figures = collections.namedtuple(
    "Figures", "pods_made requests seconds churn_per_second kubelet_requests shortest_gap answer_bytes "
               "agent_peak_kib agent_cpu_seconds wrong missing")


def peak_kib(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        return int(re.search(r"^VmHWM:\s+(\d+)", status.read(), re.MULTILINE)[1])


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


class Churn:
    def __init__(self, node, tiers, url):
        self.node = node
        self.tiers = tiers
        self.url = url
        self.wanted = {}  # path -> Pod
        self._pool = concurrent.futures.ThreadPoolExecutor(2)

    def request(self, pod, occasion):
        """By a curl in the pod's first container; it lives for some milliseconds."""
        path = f"/hello/pod-{pod.number}-{occasion}"
        self.wanted[path] = pod
        return self._pool.submit(pod.container.run, "curl", "--silent", "--max-time", "30",
                                 f"{self.url}{path}")

    def ask_all(self):
        for done in [self.request(pod, "alive") for pod, _ in self.node.pods]:
            done.result()

    def replace(self, per_second, seconds):
        """Each time the oldest pod says goodbye and goes, and a new one makes its first request at once, before
        anybody can have told the agent of it. How many a second there were: a slow machine makes fewer."""
        start = time.monotonic()
        for count in range(per_second * seconds):
            ahead = start + count / per_second - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)
            self.request(self.node.pods[0][0], "last").result()
            self.node.end_oldest()
            self.request(self.node.start_pod(), "first").result()
        return per_second * seconds / (time.monotonic() - start)

    def figures(self, start, churn_per_second, cpu_before):
        spans = SpanWait(self.tiers.spans).until(
            lambda spans: sum(span.path in self.wanted and span.kind == CLIENT for span in spans)
            >= len(self.wanted), 120)
        seen = {span.path: span.resource for span in spans
                if span.kind == CLIENT and span.path in self.wanted}
        wrong = {}
        for path, resource in seen.items():
            expected = expected_attributes(self.wanted[path])
            found = {key: resource.get(key) for key in expected}
            if found != expected:
                wrong[path] = {key: (found[key], expected[key]) for key in expected
                               if found[key] != expected[key]}
        kubelet = self.node.kubelet
        return Figures(
            self.node.made, len(self.wanted), time.monotonic() - start, churn_per_second,
            len(kubelet.asked), min(kubelet.gaps(), default=float("inf")), kubelet.sent_bytes,
            peak_kib(self.tiers.agent.pid), cpu_seconds(self.tiers.agent.pid) - cpu_before, wrong,
            sorted(set(self.wanted) - set(seen)))

    def close(self):
        self._pool.shutdown()


def table(figures):
    return "\n".join((
        f"pods                 {figures.pods_made} made, {figures.churn_per_second:.1f} replaced per second",
        f"requests             {figures.requests}, each by a program of its own; wrong: "
        f"{len(figures.wrong)}, missing: {len(figures.missing)}",
        f"kubelet              asked {figures.kubelet_requests} times in {figures.seconds:.0f} s, never within "
        f"{figures.shortest_gap:.2f} s; {figures.answer_bytes / 1e6:.1f} MB an answer",
        f"agent                {figures.agent_peak_kib / 1024:.1f} MiB at its peak, "
        f"{figures.agent_cpu_seconds:.1f} s of CPU"))
