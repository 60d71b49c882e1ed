"""OTLP and Zipkin as others write them: the exporters of OpenTelemetry for JavaScript send to a real
gateway, over gRPC and HTTP, in protobuf and JSON, in the clear, with TLS and with mutual TLS. Every span
arrives once, with every attribute as it was."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import case_report
from certificates import Authority
from otlp_lines import SpanFile
from tiers import Daemon, ROOT, bin_folder
from processes import free_port, wait_until

WORKLOAD = ROOT / "tests" / "workloads" / "otel_js"
sys.path.insert(0, str(ROOT / "tests" / "workloads" / "rpc"))
from rpc import Missing, built, need, run  # noqa: E402

COUNT = 250  # more than two of the SDK's batches


def build_sender():
    need(["node", "npm"])
    files = [WORKLOAD / name for name in ("package.json", "package-lock.json", "sender.js")]

    def build(folder):
        for file in files:
            shutil.copy(file, folder)
        run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder)
    return built(bin_folder().parent / "tests" / "otel_js", files, build) / "sender.js"


def setUpModule():
    try:
        build_sender()
    except Missing as missing:
        raise unittest.SkipTest(f"not installed: {missing}") from missing


class OtlpInteropTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="kernspan-interop-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        authority = Authority(cls.folder / "ca")
        certificate, key = authority.sign("server")
        cls.ca = authority.certificate
        cls.client = authority.sign("client")
        cls.ports = {name: free_port() for name in
                     ("grpc", "http", "tls_grpc", "tls_http", "mtls_grpc", "mtls_http", "zipkin")}
        tls = f"tls: {{cert_file: {certificate}, key_file: {key}"
        sections = {"": "", "tls_": f", {tls}}}", "mtls_": f", {tls}, client_ca_file: {cls.ca}}}"}
        receivers = "".join(
            f"  otlp/{prefix or 'plain'}:\n    protocols:\n" + "".join(
                f"      {protocol}: {{endpoint: \"127.0.0.1:{cls.ports[prefix + protocol]}\"{section}}}\n"
                for protocol in ("grpc", "http"))
            for prefix, section in sections.items())
        cls.spans = cls.folder / "spans.jsonl"
        config = cls.folder / "gateway.yaml"
        config.write_text(f"""
receivers:
{receivers}  zipkin: {{endpoint: "127.0.0.1:{cls.ports['zipkin']}"}}
exporters: {{file: {{path: "{cls.spans}", flush_interval: 100ms}}}}
service:
  telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: "${{env:KERNSPAN_METRICS_PORT}}"}}}}}}}}]}}}}
  pipelines: {{traces: {{receivers: [otlp/plain, otlp/tls_, otlp/mtls_, zipkin], exporters: [file]}}}}
""", encoding="utf-8")
        cls.gateway = Daemon("gateway", cls.folder, {}, [config])
        cls.addClassCleanup(cls.gateway.stop)
        cls.file = SpanFile(cls.spans)

    def send(self, protocol, url, count=COUNT, **environment):
        done = subprocess.run(["node", build_sender(), protocol, url, str(count)],
                              env={**os.environ, **{k: str(v) for k, v in environment.items()}},
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout.splitlines()[-1])

    def assert_arrives(self, protocol, url, **environment):
        result = self.send(protocol, url, **environment)
        self.assertEqual(result["failures"], [])
        sent = {(span["trace"], span["id"]): span for span in result["sent"]}
        self.assertEqual(len(sent), COUNT)
        found = []
        wait_until(lambda: found.extend(self.file.read()) or len(found) >= COUNT, 20)
        self.assertEqual(len(found), COUNT)
        for span in found:
            one = sent.pop((span.trace, span.id))
            self.assertEqual(span.parent, one["parent"])
            self.assertEqual(span.service, "otel-js")
            self.check_attributes(protocol, span.attributes, one["number"])
        self.assertEqual(sent, {})

    def check_attributes(self, protocol, attributes, number):
        if protocol == "zipkin":  # whose tags are strings
            self.assertEqual(attributes["number"], str(number))
            self.assertEqual(attributes["text"], 'grüße \U0001F600 "quoted"')
            return
        self.assertEqual(attributes["number"], number)
        self.assertEqual(attributes["text"], 'grüße \U0001F600 "quoted"')
        self.assertEqual(attributes["integer"], 9007199254740991)
        self.assertEqual(attributes["negative"], -5)
        self.assertEqual(attributes["real"], 0.1)
        self.assertIs(attributes["yes"], True)
        self.assertEqual(attributes["list"],
                         {"values": [{"stringValue": "a"}, {"stringValue": "b"}]})

    def tls(self, mutual):
        identity = {"CERT_FILE": self.client[0], "KEY_FILE": self.client[1]} if mutual else {}
        return {"CA_FILE": self.ca, **identity}

    def test_grpc(self):
        self.assert_arrives("grpc", f"http://localhost:{self.ports['grpc']}")
        self.assert_arrives("grpc", f"http://localhost:{self.ports['grpc']}", COMPRESSION="gzip")

    def test_grpc_over_tls(self):
        self.assert_arrives("grpc", f"https://localhost:{self.ports['tls_grpc']}", **self.tls(False))
        self.assert_arrives("grpc", f"https://localhost:{self.ports['mtls_grpc']}", **self.tls(True))

    def test_http(self):
        for protocol in ("http/protobuf", "http/json"):
            url = f"http://localhost:{self.ports['http']}/v1/traces"
            self.assert_arrives(protocol, url)
            self.assert_arrives(protocol, url, COMPRESSION="gzip")

    def test_http_over_tls(self):
        for protocol in ("http/protobuf", "http/json"):
            for prefix in ("tls", "mtls"):
                self.assert_arrives(protocol,
                                    f"https://localhost:{self.ports[prefix + '_http']}/v1/traces",
                                    **self.tls(prefix == "mtls"))

    def test_zipkin(self):
        self.assert_arrives("zipkin", f"http://localhost:{self.ports['zipkin']}/api/v2/spans")

    def test_without_a_client_certificate_nothing_comes_in(self):
        for protocol, port, path in (("grpc", "mtls_grpc", ""),
                                     ("http/protobuf", "mtls_http", "/v1/traces")):
            result = self.send(protocol, f"https://localhost:{self.ports[port]}{path}", 10,
                               **self.tls(False))
            self.assertTrue(result["failures"], protocol)
        self.assertEqual(list(self.file.read()), [])


if __name__ == "__main__":
    case_report.main("otlp_interop_test")
