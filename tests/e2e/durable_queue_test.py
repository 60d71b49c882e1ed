"""A gateway with its sending queue on disk, under real load, killed, stopped, without disk, and with a damaged
file: every acknowledged span arrives at the federation tier, or is counted as lost."""

import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "workloads"))
import case_report  # noqa: E402
from processes import StartError, free_port, wait_until  # noqa: E402
from tiers import Daemon  # noqa: E402
from otlp_lines import SpanFile  # noqa: E402
from otlp_load import Load, is_possible  # noqa: E402

GATEWAY = """
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: ${env:KERNSPAN_GATEWAY_LISTEN}
exporters:
  otlp:
    endpoint: ${env:KERNSPAN_FEDERATION_ENDPOINT}
    tls:
      insecure: true
    retry_on_failure:
      initial_interval: 50ms
      max_interval: 200ms
      max_elapsed_time: 0s
    sending_queue:
      queue_size: 1000000
      storage: file_storage
extensions:
  file_storage:
    directory: ${env:QUEUE_DIRECTORY}
    timeout: 100ms
service:
  extensions: [file_storage]
  pipelines:
    traces:
      receivers: [otlp]
      exporters: [otlp]
  telemetry:
    metrics:
      readers:
        - pull:
            exporter:
              prometheus:
                host: 127.0.0.1
                port: ${env:KERNSPAN_METRICS_PORT}
"""
QUEUE = "exporter_otlp_"
ARRIVE_SECONDS_MAX = 30


def setUpModule():
    if not is_possible():
        raise unittest.SkipTest("not installed: python3-grpcio")


class DurableQueueTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kernspan-queue-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.directory = self.folder / "queue"
        self.directory.mkdir()
        self.config = self.folder / "gateway.yaml"
        self.config.write_text(GATEWAY, encoding="utf-8")
        gateway, federation = free_port(), free_port()
        self.endpoint = f"127.0.0.1:{gateway}"
        self.spans = self.folder / "spans.jsonl"
        self.environment = {
            "KERNSPAN_GATEWAY_LISTEN": self.endpoint,
            "KERNSPAN_FEDERATION_LISTEN": f"127.0.0.1:{federation}",
            "KERNSPAN_FEDERATION_ENDPOINT": f"127.0.0.1:{federation}",
            "KERNSPAN_SPANS_FILE": str(self.spans),
            "QUEUE_DIRECTORY": str(self.directory),
        }
        self.daemons = []
        self.addCleanup(lambda: [daemon.stop() for daemon in reversed(self.daemons)])
        self.arrived = []
        self._file = SpanFile(self.spans)

    def daemon(self, tier):
        configs = [self.config] if tier == "gateway" else None
        daemon = Daemon(tier, self.folder, self.environment, configs,
                        name=f"{tier}-{len(self.daemons)}")
        self.daemons.append(daemon)
        return daemon

    def mount(self, size, options=""):
        """The queue's directory on a disk of its own."""
        if os.geteuid() != 0:
            self.skipTest("needs root")
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}{options}", "kernspan-test",
                        self.directory], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", self.directory], check=False)
        # Before the daemons' own clean-up, which must come first.
        self.addCleanup(lambda: [daemon.stop() for daemon in reversed(self.daemons)])

    def missing(self, accepted):
        self.arrived += [span.id for span in self._file.read()]
        return accepted - set(self.arrived)

    def assert_all_arrive(self, accepted):
        wait_until(lambda: not self.missing(accepted), ARRIVE_SECONDS_MAX, 0.2)
        missing = self.missing(accepted)
        print(f"    {len(accepted)} spans acknowledged, {len(self.arrived)} arrived, "
              f"{len(self.arrived) - len(set(self.arrived))} of them twice", flush=True)
        self.assertEqual(len(missing), 0, "acknowledged, and never arrived")

    def assert_balances(self, daemon):
        self.assertEqual(daemon.stop(), 0)
        summary = daemon.summary()
        self.assertTrue(summary, daemon.log())
        self.assertEqual(set(summary.values()) - {"from disk"}, {"balances"}, daemon.log())

    def test_kill_9_at_random_moments(self):
        seed = int(os.environ.get("KERNSPAN_SEED", time.time_ns() % 1_000_000))
        print(f"    KERNSPAN_SEED={seed}", flush=True)
        moments = random.Random(seed)
        gateway = self.daemon("gateway")
        recovered = 0
        with Load(self.endpoint, seed=seed) as load:
            for number in range(20):
                # First while the backlog grows, then while it is sent.
                if number == 8:
                    self.daemon("federation")
                # Each kill meets traffic.
                before = len(load.accepted)
                self.assertTrue(wait_until(lambda: len(load.accepted) > before, 20))
                time.sleep(moments.uniform(0.05, 0.4))
                gateway.kill()
                gateway = self.daemon("gateway")
                recovered += gateway.metrics().stages()["exporters/otlp"].recovered
        print(f"    {recovered} spans recovered by 20 starts", flush=True)
        self.assert_all_arrive(load.accepted)
        self.assert_balances(gateway)

    def test_kill_9_with_a_backlog(self):
        gateway = self.daemon("gateway")
        with Load(self.endpoint) as load:
            self.assertTrue(wait_until(lambda: len(load.accepted) > 3000, 30))
            gateway.kill()
        gateway = self.daemon("gateway")
        stage = gateway.metrics().stages()["exporters/otlp"]
        self.assertGreaterEqual(stage.recovered, len(load.accepted))
        self.daemon("federation")
        self.assert_all_arrive(load.accepted)
        self.assert_balances(gateway)

    def test_sigterm_under_load(self):
        federation = self.daemon("federation")
        with Load(self.endpoint) as load:
            for _ in range(3):
                gateway = self.daemon("gateway")
                before = len(load.accepted)
                self.assertTrue(wait_until(lambda: len(load.accepted) > before + 500, 30))
                self.assert_balances(gateway)
        gateway = self.daemon("gateway")
        self.assert_all_arrive(load.accepted)
        self.assert_balances(gateway)
        self.assert_balances(federation)

    def test_a_full_disk_refuses_and_recovers(self):
        self.mount("24m")
        other = self.directory / "somebody-elses"
        other.write_bytes(b"x" * (8 << 20))
        gateway = self.daemon("gateway")
        with Load(self.endpoint, padding=4000) as load:
            self.assertTrue(wait_until(lambda: load.refused > 20, 30), "24 MiB took everything")
            full = len(load.accepted)
            self.assertIn("the disk is full", gateway.log())
            other.unlink()
            self.assertTrue(wait_until(lambda: len(load.accepted) > full, 20),
                            "room came back, and nothing was taken")
            refused = load.refused
            self.assertTrue(wait_until(lambda: load.refused > refused + 20, 30))
            # On the full disk what is sent must be removed, and make room.
            full = len(load.accepted)
            self.daemon("federation")
            self.assertTrue(wait_until(lambda: len(load.accepted) > full + 2000, 30),
                            "sending made no room")
        self.assert_all_arrive(load.accepted)
        stage = gateway.metrics().stages()["exporters/otlp"]
        self.assertEqual(stage.dropped, {})
        self.assertGreater(stage.refused, 0)
        self.assert_balances(gateway)

    def assert_refuses_to_start(self, *words):
        with self.assertRaises(StartError) as refused:
            self.daemon("gateway")
        for word in words:
            self.assertIn(word, str(refused.exception))

    def test_a_read_only_directory_is_refused(self):
        self.mount("8m", ",ro")
        self.assert_refuses_to_start(str(self.directory), "Read-only file system", "mount it writable")

    def test_a_missing_directory_is_refused(self):
        self.directory.rmdir()
        self.assert_refuses_to_start(str(self.directory), "create_directory")

    def test_a_second_program_is_refused(self):
        first = self.daemon("gateway")
        self.environment["KERNSPAN_GATEWAY_LISTEN"] = f"127.0.0.1:{free_port()}"
        self.assert_refuses_to_start(f"{QUEUE}.lock is locked by the process {first.pid}")

    def damage(self, change):
        """A backlog whose file is changed while nobody has it open; the ids, and the next gateway."""
        gateway = self.daemon("gateway")
        with Load(self.endpoint) as load:
            self.assertTrue(wait_until(lambda: len(load.accepted) > 4000, 30))
            gateway.kill()
        with open(self.directory / f"{QUEUE}.lmdb", "r+b") as file:
            change(file)
        gateway = self.daemon("gateway")
        self.daemon("federation")
        return load.accepted, gateway

    def test_a_truncated_file_is_set_aside_and_salvaged(self):
        def cut(file):
            end = len(file.read().rstrip(b"\0"))
            file.truncate(end * 3 // 4)

        accepted, gateway = self.damage(cut)
        self.assertIn("is damaged (", gateway.log())
        recovered = gateway.metrics().stages()["exporters/otlp"].recovered
        self.assertGreater(recovered, len(accepted) // 3)
        wait_until(lambda: gateway.metrics().stages()["exporters/otlp"].held == 0, ARRIVE_SECONDS_MAX)
        wait_until(lambda: self.missing(accepted) == set(), 2)
        arrived = accepted - self.missing(accepted)
        lost = gateway.metrics().sum("kernspan_storage_lost_records") + gateway.metrics().sum(
            "kernspan_storage_corrupt_records")
        print(f"    {len(accepted)} acknowledged, {len(arrived)} salvaged, {lost:.0f} records lost")
        # 20 spans each; what was not acknowledged may be on disk as well.
        self.assertGreaterEqual(lost * 20, len(accepted) - len(arrived))
        self.assertTrue(list(self.directory.glob("*.corrupt-*")))
        self.assert_balances(gateway)

    def test_flipped_bits_cost_the_records_they_hit(self):
        def flip(file):
            data = file.read()
            place = data.index(b"s" * 100) + 50  # behind it may be what was never committed
            file.seek(place)
            file.write(bytes([data[place] ^ 0x10]))

        accepted, gateway = self.damage(flip)
        wait_until(lambda: gateway.metrics().stages()["exporters/otlp"].held == 0, ARRIVE_SECONDS_MAX)
        stage = gateway.metrics().stages()["exporters/otlp"]
        self.assertEqual(stage.dropped, {"corrupt_record": 20})
        wait_until(lambda: len(self.missing(accepted)) <= 20, 5)
        self.assertLessEqual(len(self.missing(accepted)), 20)
        self.assert_balances(gateway)


if __name__ == "__main__":
    case_report.main("durable_queue_test")
