"""kill -9 of the agent: nothing stays in the kernel, services do not notice, and the next agent picks up the
connections that are open."""

import time
import unittest

import case_report
from bpf_objects import bpf_objects, bpf_objects_of_machine
from live_case import LiveCase, require
from processes import wait_until
from stack import ORDER
from tiers import Daemon


def setUpModule():
    require(programs=("bpftool",), services=ORDER)


class CrashTest(LiveCase):
    REQUESTS = 900

    def test_kill_9_under_traffic(self):
        stack = self.start_services(*ORDER)
        tiers = self.start_tiers()
        objects = bpf_objects(tiers.agent.pid)
        self.assertTrue(objects & bpf_objects_of_machine(), "the agent holds no BPF objects")

        # Every client keeps its connection from before the crash until after the restart.
        driver = self.driver(stack, "crash", self.REQUESTS, 4, pause_ms=10)
        self.assertTrue(wait_until(lambda: stack.orders_finished( "crash") > 100, 60))
        tiers.agent.kill()
        left = wait_until(lambda: not objects & bpf_objects_of_machine(), 20)
        self.assertTrue(left, f"left behind: {objects & bpf_objects_of_machine()}")

        before = stack.orders_finished( "crash")
        self.assertTrue(wait_until(lambda: stack.orders_finished( "crash") > before + 50, 60),
                        "the services stand still without the agent")
        tiers.daemons["agent"] = Daemon("agent", tiers.folder, tiers.environment, name="agent-2")
        restarted_ns = time.time_ns()
        self.finish_driver(driver)

        result = self.score_of(stack, tiers, "crash", since_ns=restarted_ns)
        self.assertGreater(result.requests, 100, "too few requests came after the restart")
        self.assertFalse(result.missing_spans)
        self.assertEqual(result.total("wrong"), 0)
        self.assertGreaterEqual(result.complete_share, 0.995)
        self.assert_ledgers_balance(tiers)


if __name__ == "__main__":
    case_report.main("crash_test")
