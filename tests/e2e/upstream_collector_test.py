"""Through the upstream OpenTelemetry Collector and back: gateway -> collector -> gateway, over gRPC and over
HTTP, compressed and not. Every span arrives once, as it was sent.

Runs where $KERNSPAN_UPSTREAM_COLLECTOR names the program (tests/interop/build_collector makes it)."""

import os
import pathlib
import subprocess
import tempfile
import unittest

import case_report
from otlp_lines import SpanFile
from tiers import Daemon, bin_folder
from processes import Program, free_port, listens, wait_until

TRACES = 2_000
TELEMETRY = ("telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, "
             "port: \"${env:KERNSPAN_METRICS_PORT}\"}}}}]}}")


@unittest.skipUnless(os.environ.get("KERNSPAN_UPSTREAM_COLLECTOR"),
                     "$KERNSPAN_UPSTREAM_COLLECTOR names no program")
class UpstreamCollectorTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kernspan-upstream-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.spans = self.folder / "spans.jsonl"

    def gateway(self, name, listen, exporter):
        config = self.folder / f"{name}.yaml"
        config.write_text(f"receivers: {{otlp: {{protocols: {listen}}}}}\n"
                          f"processors: {{batch: {{timeout: 100ms}}}}\n"
                          f"exporters: {{{exporter}}}\n"
                          f"service:\n  {TELEMETRY}\n  pipelines: {{traces: {{receivers: [otlp], "
                          f"processors: [batch], exporters: [{exporter.partition(':')[0]}]}}}}\n",
                          encoding="utf-8")
        daemon = Daemon("gateway", self.folder, {}, [config], name=name)
        self.addCleanup(daemon.stop)
        return daemon

    def collector(self, listen, exporter, port):
        config = self.folder / "collector.yaml"
        config.write_text(f"receivers: {{otlp: {{protocols: {listen}}}}}\n"
                          f"exporters: {{{exporter}}}\n"
                          "service:\n  telemetry: {metrics: {level: none}}\n"
                          f"  pipelines: {{traces: {{receivers: [otlp], "
                          f"exporters: [{exporter.partition(':')[0]}]}}}}\n", encoding="utf-8")
        program = Program("otelcol", [os.environ["KERNSPAN_UPSTREAM_COLLECTOR"], "--config", config],
                          self.folder / "collector.log", {})
        self.addCleanup(lambda: program.stop(20))
        program.wait_for(lambda: listens(port), "it listens", 30)
        return program

    def pass_through(self, to_collector, collector_listens, from_collector, we_listen, ports):
        """Sends through first gateway, collector, second gateway; returns what arrives."""
        first = free_port()
        self.gateway("second", we_listen, f"file: {{path: \"{self.spans}\", flush_interval: 100ms}}")
        self.collector(collector_listens, from_collector, ports[0])
        source = self.gateway("first", f"{{grpc: {{endpoint: \"127.0.0.1:{first}\"}}}}", to_collector)
        sent = subprocess.run([bin_folder() / "kernspan", "send-test-trace", f"127.0.0.1:{first}",
                               "--insecure", "--traces", str(TRACES), "--child-spans", "4"],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(sent.returncode, 0, sent.stderr)
        file, found = SpanFile(self.spans), []
        wait_until(lambda: found.extend(file.read()) or len(found) >= 5 * TRACES, 30)
        self.assertEqual(len(found), 5 * TRACES)
        self.assertEqual(len({(span.trace, span.id) for span in found}), 5 * TRACES)
        self.assertEqual({span.attributes["peer.service"] for span in found},
                         {"kernspan-test-client", "kernspan-test-server"})
        self.assertFalse(source.metrics().unbalanced())
        return found

    def test_grpc(self):
        for compression in ("gzip", "none"):
            with self.subTest(compression):
                theirs, ours = free_port(), free_port()
                self.pass_through(
                    f"otlp: {{endpoint: \"127.0.0.1:{theirs}\", compression: {compression}, "
                    "tls: {insecure: true}}",
                    f"{{grpc: {{endpoint: \"127.0.0.1:{theirs}\"}}}}",
                    f"otlp_grpc: {{endpoint: \"127.0.0.1:{ours}\", compression: {compression}, "
                    "tls: {insecure: true}}",
                    f"{{grpc: {{endpoint: \"127.0.0.1:{ours}\"}}}}", (theirs, ours))
                self.doCleanups()
                self.setUp()

    def test_http(self):
        for encoding, compression in (("proto", "gzip"), ("json", "none"), ("proto", "zstd")):
            with self.subTest(f"{encoding} {compression}"):
                theirs, ours = free_port(), free_port()
                ours_compress = "gzip" if compression == "zstd" else compression
                self.pass_through(
                    f"otlphttp: {{endpoint: \"http://127.0.0.1:{theirs}\", encoding: {encoding}, "
                    f"compression: {ours_compress}}}",
                    f"{{http: {{endpoint: \"127.0.0.1:{theirs}\"}}}}",
                    f"otlp_http: {{endpoint: \"http://127.0.0.1:{ours}\", encoding: {encoding}, "
                    f"compression: {compression}}}",
                    f"{{http: {{endpoint: \"127.0.0.1:{ours}\"}}}}", (theirs, ours))
                self.doCleanups()
                self.setUp()


if __name__ == "__main__":
    case_report.main("upstream_collector_test")
