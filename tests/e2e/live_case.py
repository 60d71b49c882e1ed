"""What the live tests share: a machine that can trace, services, daemons, and requests."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "workloads"))
from score import read_truth, score, table  # noqa: E402
from stack import Stack, missing_programs  # noqa: E402
from tiers import SpanWait, Tiers, bin_folder  # noqa: E402

DRIVER = pathlib.Path(__file__).resolve().parents[1] / "workloads" / "driver.py"
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def require(programs=(), services=()):
    """Skips, by name, what this machine cannot run."""
    if os.geteuid() != 0:
        raise unittest.SkipTest("needs root")
    missing = missing_programs(services) + [name for name in programs
                                            if not shutil.which(name, path=PATH)]
    if missing:
        raise unittest.SkipTest("not installed: " + ", ".join(missing))


class LiveCase(unittest.TestCase):
    """Each test has a folder, services and daemons of its own; all end with it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kernspan-live-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def start_services(self, *services, **options):
        stack = Stack(self.folder / "stack", services, **options)
        self.addCleanup(stack.stop)
        stack.start()
        return stack

    def start_tiers(self, tiers=None, **options):
        daemons = Tiers(self.folder / "tiers", **options)
        self.addCleanup(daemons.stop)
        daemons.start(**({"tiers": tiers} if tiers else {}))
        return daemons

    def driver(self, stack, run, requests, concurrency, pause_ms=0):
        """Starts the driver; finish_driver() waits for it."""
        process = subprocess.Popen(
            ["/usr/bin/python3", "-B", DRIVER, "--port", str(stack.ports["nginx"]), "--truth",
             stack.truth, "--run", run, "--requests", str(requests), "--concurrency",
             str(concurrency), "--pause-ms", str(pause_ms)], stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        return process

    def finish_driver(self, process):
        """Its totals; every request must have been answered."""
        output, _ = process.communicate(timeout=240)
        totals = json.loads(output.splitlines()[-1])
        print(f"    {totals}", flush=True)
        self.assertEqual(totals["succeeded"], totals["requests"], totals["errors"])
        return totals

    def score_of(self, stack, tiers, run, since_ns=0):
        truth = read_truth(stack.truth, run, since_ns)
        spans = SpanWait(tiers.spans).until(
            lambda spans: sum(span.path in truth for span in spans) >= 2 * len(truth))
        result = score(truth, spans)
        print("    " + table(result).replace("\n", "\n    "), flush=True)
        return result

    def assert_nothing_lost(self, tiers):
        """No stage of any daemon dropped anything, and the kernel side missed no record."""
        for tier, daemon in tiers.daemons.items():
            for name, stage in daemon.metrics().stages().items():
                self.assertEqual(stage.dropped, {}, f"{tier} {name}")
        outcomes = tiers.agent.metrics().by_label("kernspan_capture_events", "outcome")
        self.assertEqual({name: count for name, count in outcomes.items()
                          if name.startswith("ring_full") or name == "no_socket_storage"}, {})

    def assert_ledgers_balance(self, tiers):
        """Stops the daemons: each ends with status 0 and a summary in which every stage balances."""
        statuses = tiers.stop()
        self.assertEqual(statuses, {tier: 0 for tier in statuses})
        for tier, daemon in tiers.daemons.items():
            summary = daemon.summary()
            self.assertTrue(summary, f"{tier} printed no summary:\n{daemon.log()}")
            self.assertEqual({stage for stage in summary.values()}, {"balances"}, f"{tier}: {summary}")
