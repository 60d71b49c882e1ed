"""Are the links of real services right? Each request carries a token in its body, which the agent never
reads; the services log who really called whom."""

import unittest

import case_report
from live_case import LiveCase, require
from stack import ORDER


def setUpModule():
    require(services=ORDER)


class TruthTest(LiveCase):
    def trace(self, requests, concurrency, **options):
        stack = self.start_services(*ORDER, **options)
        tiers = self.start_tiers()
        self.finish_driver(self.driver(stack, "truth", requests, concurrency))
        result = self.score_of(stack, tiers, "truth")
        self.assertEqual(result.requests, requests)
        self.assert_nothing_lost(tiers)
        self.assert_ledgers_balance(tiers)
        return result

    def test_64_clients_over_keep_alive(self):
        result = self.trace(requests=3000, concurrency=64)
        self.assertEqual(result.total("wrong"), 0)
        self.assertEqual(result.precision, 1.0)
        self.assertGreaterEqual(result.recall, 0.999)
        for key, links in result.links.items():
            self.assertGreaterEqual(links.recall, 0.999, key)
        self.assertFalse(result.missing_spans)
        self.assertFalse(result.extra_spans)
        self.assertFalse(result.wrong_values)
        self.assertGreaterEqual(result.complete_share, 0.995)
        servers = {evidence for (_, kind, evidence) in result.evidence if kind == "server"}
        self.assertEqual(servers, {"wire"})

    def test_one_client_is_traced_completely(self):
        result = self.trace(requests=200, concurrency=1)
        self.assertEqual(result.complete, 200, result.examples)

    def test_program_that_queues_its_calls_is_soon_distrusted(self):
        # With few sockets Node's agent sends a queued call when the answer to another one has come: the
        # order of reads and writes then misleads. The first responses that come out of order give that
        # away; until then a few links are wrong. Nothing else of the trace may suffer.
        result = self.trace(requests=1000, concurrency=32, environment={"PRICING_MAX_SOCKETS": "2"})
        self.assertLessEqual(result.links["pricing", "client"].wrong, 20)
        self.assertEqual(result.total("wrong"), result.links["pricing", "client"].wrong)
        self.assertFalse(result.missing_spans)
        servers = [links for (_, kind), links in result.links.items() if kind == "server"]
        self.assertEqual({links.recall for links in servers}, {1.0})


if __name__ == "__main__":
    case_report.main("truth_test")
