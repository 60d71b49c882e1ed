"""A stop under load: what was taken is passed on or accounted for, on every tier."""

import os
import signal
import unittest

import case_report
from live_case import LiveCase, require
from otlp_lines import read_spans
from processes import wait_until
from stack import ORDER


def setUpModule():
    require(services=ORDER)


class DrainTest(LiveCase):
    def test_sigterm_in_the_middle_of_requests(self):
        stack = self.start_services(*ORDER)
        tiers = self.start_tiers()
        driver = self.driver(stack, "drain", 2000, 16)
        self.assertTrue(wait_until(lambda: stack.orders_finished( "drain") > 300, 60))
        self.assertIsNone(driver.poll(), "the driver was done before the daemons were told to stop")
        self.assert_ledgers_balance(tiers)
        self.finish_driver(driver)
        spans = read_spans(tiers.spans)
        self.assertGreater(len(spans), 300)
        self.assertEqual(len({span.id for span in spans}), len(spans), "spans were written twice")

    def test_gateway_restart_loses_nothing(self):
        stack = self.start_services(*ORDER)
        tiers = self.start_tiers()
        driver = self.driver(stack, "restart", 1500, 8)
        self.assertTrue(wait_until(lambda: stack.orders_finished( "restart") > 200, 60))
        os.kill(tiers.daemons["gateway"].pid, signal.SIGTERM)
        self.assertEqual(tiers.daemons["gateway"].program.process.wait(40), 0)
        tiers.start(tiers=("gateway",))
        self.finish_driver(driver)
        # What the gateway refused waits in the agent for the next attempt: 2.5 to 7.5 s, at random.
        self.assertTrue(wait_until(
            lambda: tiers.agent.metrics().stages()["exporters/otlp"].held == 0, 60))
        result = self.score_of(stack, tiers, "restart")
        self.assertFalse(result.missing_spans)
        self.assertFalse(result.extra_spans)
        self.assert_ledgers_balance(tiers)


if __name__ == "__main__":
    case_report.main("drain_test")
