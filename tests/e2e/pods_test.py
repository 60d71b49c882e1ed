"""Pods that come and go: every span is told of its pod, and the kubelet is not asked too often. The same
with 1,000 pods: tests/bench/pods/run."""

import time
import unittest

import case_report
from certificates import Authority
from live_case import LiveCase, require
from pod_churn import Churn, cpu_seconds, table
from pod_node import PodNode, StandInKubelet
from tiers import CONFIGS


def setUpModule():
    require(programs=("curl", "openssl"), services=("nginx",))


class PodsTest(LiveCase):
    PODS = 100
    CHURN_PER_SECOND = 20
    SECONDS = 8
    GAP_SECONDS_MIN = 1.0

    def test_churn(self):
        kubelet = StandInKubelet(self.folder, Authority(self.folder / "ca"))
        self.addCleanup(kubelet.close)
        node = PodNode(kubelet)
        self.addCleanup(node.close)
        stack = self.start_services("nginx")
        config = self.folder / "kubernetes.yaml"
        # A machine with much else to do is slow to answer.
        config.write_text(kubelet.config(wait="20s"), encoding="utf-8")
        for _ in range(self.PODS):
            node.start_pod()
        tiers = self.start_tiers(agent_configs=[CONFIGS / "agent.yaml", config])
        churn = Churn(node, tiers, stack.url)
        self.addCleanup(churn.close)
        start, cpu = time.monotonic(), cpu_seconds(tiers.agent.pid)
        churn.ask_all()
        rate = churn.replace(self.CHURN_PER_SECOND, self.SECONDS)
        figures = churn.figures(start, rate, cpu)
        print("    " + table(figures).replace("\n", "\n    "), flush=True)

        self.assertEqual(figures.missing, [])
        self.assertEqual(figures.wrong, {})
        self.assertEqual(kubelet.refused, 0)
        self.assertGreaterEqual(figures.shortest_gap, self.GAP_SECONDS_MIN)
        self.assertLess(figures.agent_peak_kib * 1024, 80_000_000)
        self.assert_nothing_lost(tiers)
        self.assert_ledgers_balance(tiers)


if __name__ == "__main__":
    case_report.main("pods_test")
