"""The tiers as the chart configures them, run here: its certificates, tokens, headless names and mounted files do what they
are for. Two gateways and a federation tier on loopback addresses that stand for pods; only addresses, ports and the
DNS server are this machine's."""

import base64
import pathlib
import subprocess
import sys
import tempfile
import unittest

import chart

sys.path.insert(0, str(chart.ROOT / "tests" / "e2e"))
sys.path.insert(0, str(chart.ROOT / "tests" / "workloads"))
import case_report  # noqa: E402
from dns_responder import DnsResponder  # noqa: E402
from otlp_lines import SpanFile  # noqa: E402
from processes import free_port, wait_until  # noqa: E402
from tiers import Daemon, bin_folder  # noqa: E402

TOKEN, FEDERATION_TOKEN = "token-of-the-agents", "token-of-the-gateways"
TRACES = 20
VALUES = {
    "clusterInfo": {"name": "loopback", "attributes": {"organization.team": "tests"}},
    "gateway": {
        "server": {"auth": {"tokens": [TOKEN, "an older one"]}},
        "sampling": {"probabilistic": 0, "errorSampling": 100, "latencyThreshold": 0, "decisionWait": "2s"},
    },
    "federation": {
        "enabled": True, "auth": {"token": FEDERATION_TOKEN},
        "server": {"auth": {"tokens": [FEDERATION_TOKEN]}},
        "exporters": {"file": {"path": "/var/lib/kernspan/queue/spans.jsonl", "flush_interval": "200ms"}},
    },
}
HOST = "kernspan-{}.opentelemetry.svc.cluster.local"


class Pod:
    """A daemon with what its pod would have: files of Secrets, environment, an address."""

    def __init__(self, test, tier, address, **overlays):
        self.address, self.port = address, free_port()
        folder = test.folder / f"{tier}-{address}"
        folder.mkdir()
        self._mount(test.rendered, tier, folder)
        text = test.rendered.configs()[tier].replace("/etc/kernspan", str(folder)) \
            .replace("/var/lib/kernspan/queue", str(test.folder))
        (folder / "config.yaml").write_text(text, encoding="utf-8")
        changes = {
            "receivers::otlp::protocols::grpc::endpoint": f"{address}:{self.port}",
            "receivers::otlp::protocols::http::endpoint": f"{address}:{free_port()}",
            "extensions::health_check::endpoint": f"{address}:{free_port()}",
            "service::telemetry::metrics::readers": "[{pull: {exporter: {prometheus: {host: 127.0.0.1, "
                                                    'port: "${env:KERNSPAN_METRICS_PORT}"}}}}]',
            **overlays,
        }
        if tier == "gateway":
            changes["extensions::replicas::endpoint"] = f"{address}:{test.replica_port}"
            changes["extensions::replicas::resolver::dns::server"] = test.dns.server
        sources = [folder / "config.yaml", *(f"yaml:{key}: {value}" for key, value in changes.items())]
        names = test.rendered.find("ConfigMap", "kernspan-cluster-info")["data"]
        self.daemon = Daemon(tier, folder, {"POD_IP": address, "CLUSTER_NAME": names["cluster-name"]}, sources)

    @staticmethod
    def _mount(rendered, tier, folder):
        """The Secrets of the pod, as the kubelet would put them there."""
        workload = next(each for each in rendered.workloads() if each["metadata"]["name"] == f"kernspan-{tier}")
        for volume in workload["spec"]["template"]["spec"]["volumes"]:
            if "secret" not in volume:
                continue
            data = rendered.find("Secret", volume["secret"]["secretName"])["data"]
            items = volume["secret"].get("items") or [{"key": key, "path": key} for key in data]
            (folder / volume["name"]).mkdir()
            for item in items:
                (folder / volume["name"] / item["path"]).write_bytes(base64.b64decode(data[item["key"]]))


class TiersTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kernspan-chart-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.rendered = chart.render_values(VALUES)
        addresses = ["127.0.0.2", "127.0.0.3"]
        self.replica_port = free_port()
        self.dns = self.enterContext(DnsResponder(addresses))
        self.federation = self.start("federation", "127.0.0.4")
        to_federation = {
            "exporters::otlp_grpc::endpoint": f"127.0.0.4:{self.federation.port}",
            "exporters::otlp_grpc::tls::server_name_override": HOST.format("federation-headless"),
        }
        self.gateways = [self.start("gateway", address, **to_federation) for address in addresses]

    def start(self, tier, address, **overlays):
        pod = Pod(self, tier, address, **overlays)
        self.addCleanup(pod.daemon.stop)
        return pod

    def send(self, gateway, *options, token=TOKEN, agent=None):
        """What an agent's exporter does, with the agent's certificate."""
        certificates = agent or self.folder / "agent"
        if not certificates.exists():
            certificates.mkdir()
            Pod._mount(self.rendered, "agent", certificates)
        files = certificates / "tls"
        return subprocess.run(
            [bin_folder() / "kernspan", "send-test-trace", f"{gateway.address}:{gateway.port}", "--ca-file",
             files / "ca.crt", "--cert-file", files / "tls.crt", "--key-file", files / "tls.key", "--server-name",
             HOST.format("gateway-headless"), "--otlp-header", f"authorization=Bearer {token}", "--workers", "1",
             "--traces", str(TRACES), *options], capture_output=True, text=True, check=False)

    def test_traces_go_through_and_are_decided_on_together(self):
        for gateway in self.gateways:
            self.assertTrue(wait_until(
                lambda each=gateway: each.daemon.metrics().sum("kernspan_replicas_ring_size") == 2, 60, 0.2),
                f"the replicas do not find each other\n{gateway.daemon.log()}")
        for number, gateway in enumerate(self.gateways):
            done = self.send(gateway, "--service", f"failing-{number}", "--status-code", "Error")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            done = self.send(gateway, "--service", "fine", "--status-code", "Ok")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        spans, lines = [], SpanFile(self.folder / "spans.jsonl")

        def all_came():
            spans.extend(lines.read())
            return len({span.trace for span in spans}) >= 2 * TRACES
        self.assertTrue(wait_until(all_came, 90, 0.2), f"{len(spans)} spans\n{self.gateways[0].daemon.log()}")
        self.assertEqual({span.service for span in spans}, {"failing-0", "failing-1"})
        text = (self.folder / "spans.jsonl").read_text("utf-8")
        for attribute in ('"k8s.cluster.name"', '"loopback"', '"organization.team"'):
            self.assertIn(attribute, text)
        handed = sum(each.daemon.metrics().stages()["processors/tail_sampling (traces)"].to_peers
                     for each in self.gateways)
        self.assertGreater(handed, 0, "every trace was the replica's own")

    def test_who_has_no_token_stays_out(self):
        done = self.send(self.gateways[0], token="another")
        self.assertEqual(done.returncode, 1)
        self.assertIn("token does not match", done.stdout + done.stderr)

    def test_another_authority_is_not_trusted(self):
        other = chart.render_values(VALUES)
        folder = self.folder / "other"
        folder.mkdir()
        Pod._mount(other, "agent", folder)
        done = self.send(self.gateways[0], agent=folder)
        self.assertEqual(done.returncode, 1, done.stdout)


if __name__ == "__main__":
    case_report.main("tiers_test")
