"""kernspan probe and kernspan send-test-trace against a real gateway: in the clear, with TLS, with
mutual TLS, and against everything that is wrong on the way."""

import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import case_report
from certificates import Authority
from otlp_lines import SpanFile
from tiers import ROOT, Daemon, bin_folder
from processes import free_port, wait_until


def kernspan(*arguments, environment=None):
    return subprocess.run([bin_folder() / "kernspan", *map(str, arguments)], capture_output=True,
                          text=True, timeout=60, check=False,
                          env={"PATH": "/usr/bin:/bin", **(environment or {})})


class PeerToolsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kernspan-tools-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.spans = self.folder / "spans.jsonl"

    def start_gateway(self, tls="", name="gateway"):
        """A gateway that writes to a file; returns its gRPC port."""
        port = free_port()
        config = self.folder / f"{name}.yaml"
        config.write_text(f"""
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:{port}"{tls}}}}}}}}}
exporters: {{file: {{path: "{self.spans}", flush_interval: 100ms, append: true}}}}
service:
  telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: "${{env:KERNSPAN_METRICS_PORT}}"}}}}}}}}]}}}}
  pipelines: {{traces: {{receivers: [otlp], exporters: [file]}}}}
""")
        gateway = Daemon("gateway", self.folder, {}, [config], name=name)
        self.addCleanup(gateway.stop)
        return port

    def read_spans(self, count):
        """Waits for so many spans in the file."""
        file, found = SpanFile(self.spans), []
        wait_until(lambda: found.extend(file.read()) or len(found) >= count, 20)
        return found

    def assert_probe(self, done, code, *texts):
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        for text in texts:
            self.assertRegex(done.stdout, text)

    def test_probe_in_the_clear(self):
        port = self.start_gateway()
        self.assert_probe(kernspan("probe", f"localhost:{port}", "--insecure"), 0,
                          r"ok +dns +localhost: ", r"ok +tcp +127\.0\.0\.1 port", r"ok +otlp ")
        self.assert_probe(kernspan("probe", f"127.0.0.1:{port}"), 1, r"FAIL +tls +no handshake: ",
                          "try --insecure")

    def test_probe_names_what_is_in_the_way(self):
        self.assert_probe(kernspan("probe", f"127.0.0.1:{free_port()}"), 1,
                          r"FAIL +tcp .*Connection refused; .* nothing listens there")
        self.assert_probe(kernspan("probe", "gateway.nowhere.svc.cluster.local:4317"), 1,
                          r"FAIL +dns .* only known inside its own cluster")
        done = kernspan("probe", "a:b:c")
        self.assertEqual(done.returncode, 2)
        self.assertIn("brackets", done.stderr)

    def test_probe_tls(self):
        ours, theirs = Authority(self.folder / "ours"), Authority(self.folder / "theirs", "other")
        certificate, key = ours.sign("server")
        port = self.start_gateway(f", tls: {{cert_file: {certificate}, key_file: {key}}}")
        self.assert_probe(kernspan("probe", f"localhost:{port}", "--ca-file", ours.certificate), 0,
                          r"ok +tls +TLSv1\.3, .*ALPN h2", r"CN=server, for localhost 127\.0\.0\.1",
                          r"ok +otlp ")
        self.assert_probe(kernspan("probe", f"localhost:{port}", "--ca-file", theirs.certificate), 1,
                          r"FAIL +tls .*--ca-file", r"issued by CN=test-ca")
        self.assert_probe(kernspan("probe", f"localhost:{port}", "--ca-file", ours.certificate,
                                   "--server-name", "elsewhere"), 1,
                          r"FAIL +tls .*hostname mismatch; see the names below")

    def test_probe_finds_an_expired_certificate(self):
        authority = Authority(self.folder / "ca")
        certificate, key = authority.sign("server", days=-1)
        port = self.start_gateway(f", tls: {{cert_file: {certificate}, key_file: {key}}}")
        self.assert_probe(kernspan("probe", f"localhost:{port}", "--ca-file", authority.certificate),
                          1, r"FAIL +tls .*certificate has expired; renew it")

    def test_probe_warns_of_a_certificate_that_ends_soon(self):
        authority = Authority(self.folder / "ca")
        certificate, key = authority.sign("server", days=3)
        port = self.start_gateway(f", tls: {{cert_file: {certificate}, key_file: {key}}}")
        self.assert_probe(kernspan("probe", f"localhost:{port}", "--ca-file", authority.certificate),
                          0, r"warn +tls .*the certificate ends in [23] days", r"ok +otlp ")

    def test_mutual_tls(self):
        authority = Authority(self.folder / "ca")
        certificate, key = authority.sign("server")
        client_certificate, client_key = authority.sign("client")
        port = self.start_gateway(f", tls: {{cert_file: {certificate}, key_file: {key}, "
                                  f"client_ca_file: {authority.certificate}}}")
        endpoint = f"localhost:{port}"
        self.assert_probe(kernspan("probe", endpoint, "--ca-file", authority.certificate), 1,
                          r"FAIL +tls .*asked for a client certificate, got none.*give --cert-file")
        identity = ("--ca-file", authority.certificate, "--cert-file", client_certificate,
                    "--key-file", client_key)
        self.assert_probe(kernspan("probe", endpoint, *identity), 0, r"ok +otlp ")
        done = kernspan("send-test-trace", endpoint, "--traces", 3, *identity)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.read_spans(6)), 6)

    def test_send_test_trace_as_the_guide_does(self):
        port = self.start_gateway()
        done = kernspan("send-test-trace", "--otlp-endpoint", f"localhost:{port}",
                        "--otlp-insecure", "--traces", 100, "--workers", 4, "--service",
                        "my-test-service", "--span-duration", "100ms", "--child-spans", 2,
                        environment={"OTEL_RESOURCE_ATTRIBUTES":
                                     "k8s.cluster.name=test-cluster,deployment.environment=test"})
        self.assertEqual(done.returncode, 0, done.stderr)
        first = re.search(r"400 traces, 1200 spans taken; the first trace is ([0-9a-f]{32})",
                          done.stdout)
        self.assertTrue(first, done.stdout)
        spans = self.read_spans(1200)
        self.assertEqual(len({(span.trace, span.id) for span in spans}), 1200)
        self.assertEqual({span.service for span in spans}, {"my-test-service"})
        self.assertIn(first[1], {span.trace for span in spans})
        by_id = {(span.trace, span.id): span for span in spans}
        children = [span for span in spans if span.parent]
        self.assertEqual(len(children), 800)
        for child in children:
            self.assertEqual(child.end_ns - child.start_ns, 100_000_000)
            self.assertIn((child.trace, child.parent), by_id)

    def test_the_secured_gateway_of_deploy(self):
        authority = Authority(self.folder / "ca")
        certificate, key = authority.sign("tls")
        sink = self.start_gateway(f", tls: {{cert_file: {certificate}, key_file: {key}, "
                                  f"client_ca_file: {authority.certificate}}}", "sink")
        certificates = self.folder / "ca"
        shutil.copy(authority.certificate, certificates / "ca.crt")
        (self.folder / "agents").write_text("first-token\nsecond-token\n")
        (self.folder / "federation").write_text("another-token\n")
        (self.folder / "queue").mkdir()
        grpc, http = free_port(), free_port()
        environment = {
            "KERNSPAN_GATEWAY_LISTEN": f"127.0.0.1:{grpc}",
            "KERNSPAN_GATEWAY_HTTP_LISTEN": f"127.0.0.1:{http}",
            "KERNSPAN_HEALTH_LISTEN": f"127.0.0.1:{free_port()}",
            "KERNSPAN_CERTIFICATES": str(certificates),
            "KERNSPAN_AGENT_TOKENS": str(self.folder / "agents"),
            "KERNSPAN_FEDERATION_TOKEN": str(self.folder / "federation"),
            "KERNSPAN_FEDERATION_ENDPOINT": f"localhost:{sink}",
            "KERNSPAN_QUEUE": str(self.folder / "queue"),
            "CLUSTER_NAME": "cluster-a", "CLOUD_REGION": "eu-central-1",
        }
        config = ROOT / "deploy" / "config" / "gateway-secured.yaml"
        gateway = Daemon("gateway", self.folder, environment, [config], name="secured")
        self.addCleanup(gateway.stop)
        identity = ("--ca-file", authority.certificate, "--cert-file", certificate, "--key-file", key)
        for endpoint in (f"localhost:{grpc}", f"https://localhost:{http}"):
            http_options = ("--http",) if endpoint.startswith("https") else ()
            options = (*identity, *http_options)
            right = ("--header", "authorization=Bearer second-token")
            self.assert_probe(kernspan("probe", endpoint, *options, *right), 0, r"ok +otlp ")
            self.assert_probe(kernspan("probe", endpoint, *options, "--header",
                                       "authorization=Bearer wrong"), 1, r"FAIL +otlp +refused")
            sent = kernspan("send-test-trace", endpoint, "--traces", 5, *options, *right)
            self.assertEqual(sent.returncode, 0, sent.stdout + sent.stderr)
        tokens = self.folder / "agents"
        self.assert_probe(kernspan("probe", f"localhost:{grpc}", *identity, "--token-file", tokens), 0, r"ok +otlp ")
        sent = kernspan("send-test-trace", f"localhost:{grpc}", "--traces", 5, *identity, "--token-file", tokens)
        self.assertEqual(sent.returncode, 0, sent.stdout + sent.stderr)
        spans = self.read_spans(30)
        self.assertEqual(len(spans), 30)
        self.probe_what_a_configuration_sends_to(config, environment, sink)
        self.assertIn('"k8s.cluster.name"', self.spans.read_text())
        log = gateway.log()
        for secret in ("first-token", "second-token", "another-token"):
            self.assertNotIn(secret, log)

    def probe_what_a_configuration_sends_to(self, config, environment, sink):
        """The sink wants a certificate, which only the configuration names; a token goes with it."""
        done = kernspan("probe", "--config", config, environment=environment)
        self.assert_probe(done, 0, rf"exporters::otlp_grpc, localhost:{sink}: OTLP over gRPC, TLS", r"ok +otlp ")
        self.assertNotIn("another-token", done.stdout + done.stderr)
        done = kernspan("probe", "--config", config, "--config", "yaml:exporters::otlp_grpc::tls::server_name_override: x",
                        environment=environment)
        self.assert_probe(done, 1, r"FAIL +tls ")
        (self.folder / "federation").write_text("\n")
        done = kernspan("probe", "--config", config, environment=environment)
        self.assert_probe(done, 1, r"not probed: bearertokenauth/federation: ")

    def test_probe_takes_several_targets_and_says_the_worst(self):
        port, nobody = self.start_gateway(), free_port()
        done = kernspan("probe", f"localhost:{port}", f"localhost:{nobody}", "--insecure")
        self.assert_probe(done, 1, rf"localhost:{port}: OTLP", r"ok +otlp ", rf"localhost:{nobody}: OTLP", r"FAIL +tcp ")
        done = kernspan("probe", f"localhost:{port}", f"127.0.0.1:{port}", "--insecure")
        self.assert_probe(done, 0, rf"127\.0\.0\.1:{port}: OTLP")
        config = self.folder / "sends.yaml"
        config.write_text("receivers: {otlp: {protocols: {grpc: {}}}}\n"
                          f"exporters: {{otlp: {{endpoint: 'dns:///localhost:{port}', tls: {{insecure: true}}}}, "
                          f"otlp/unused: {{endpoint: 'localhost:{nobody}'}}, debug: {{}}}}\n"
                          "service: {pipelines: {traces: {receivers: [otlp], exporters: [otlp, debug]}}}\n")
        done = kernspan("probe", "--config", config)
        self.assert_probe(done, 0, rf"exporters::otlp, localhost:{port}: OTLP over gRPC, in the clear")
        self.assertNotIn(str(nobody), done.stdout)

    def test_probe_says_what_it_cannot_read(self):
        for arguments, message in (((), "name an endpoint, or --config"),
                                   (("--config", "/nowhere.yaml"), "/nowhere.yaml"),
                                   (("--config", "yaml:exporters: {debug: {}}"), "no pipeline has an exporter"),
                                   (("localhost:1", "--token-file", "/nowhere"), "token file /nowhere cannot be read"),
                                   (("localhost:1", "--timeout", "soon"), "--timeout: expected a duration")):
            with self.subTest(message):
                done = kernspan("probe", *arguments)
                self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
                self.assertIn(message, done.stderr)

    def test_send_test_trace_says_what_went_wrong(self):
        done = kernspan("send-test-trace", f"localhost:{free_port()}", "--insecure")
        self.assertEqual(done.returncode, 1)
        self.assertIn("0 spans taken, 2 failed", done.stdout)
        self.assertIn("connect", done.stderr)
        done = kernspan("send-test-trace", "localhost:1", "--header", "authorization")
        self.assertEqual(done.returncode, 1)
        self.assertIn("--header: expected name=value", done.stderr)


if __name__ == "__main__":
    case_report.main("peer_tools_test")
