"""deploy/jobs and deploy/mesh: the Jobs' commands are run as they stand against a real gateway, and what the meshes are
told fits the chart."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "workloads"))
import case_report  # noqa: E402
from certificates import Authority  # noqa: E402
from otlp_lines import SpanFile  # noqa: E402
from processes import free_port, wait_until  # noqa: E402
from tiers import ROOT, Daemon, bin_folder  # noqa: E402

JOBS, MESH = ROOT / "deploy" / "jobs", ROOT / "deploy" / "mesh"
CHART = ROOT / "deploy" / "helm" / "kernspan"
GATEWAY_HOST = "kernspan-gateway.opentelemetry.svc.cluster.local"


def documents(path):
    with open(path, encoding="utf-8") as file:
        return [document for document in yaml.safe_load_all(file) if document]


class JobsTest(unittest.TestCase):
    """A gateway with TLS stands for the cluster's; files are under a folder in the place of /etc/kernspan."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kernspan-jobs-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        authority = Authority(self.folder / "ca")
        certificate, key = authority.sign("server")
        for name in ("tls", "config"):
            (self.folder / name).mkdir()
        (self.folder / "tls" / "ca.crt").write_bytes(authority.certificate.read_bytes())
        self.port, self.spans = free_port(), self.folder / "spans.jsonl"
        config = self.folder / "gateway.yaml"
        config.write_text(f"""
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:{self.port}",
  tls: {{cert_file: {certificate}, key_file: {key}}}}}}}}}}}
exporters: {{file: {{path: {self.spans}, flush_interval: 100ms}}}}
service: {{telemetry: {{metrics: {{level: none}}}}, pipelines: {{traces: {{receivers: [otlp], exporters: [file]}}}}}}
""", encoding="utf-8")
        gateway = Daemon("gateway", self.folder, {}, [config])
        self.addCleanup(gateway.stop)

    def run_job(self, name):
        job, = documents(JOBS / f"{name}.yaml")
        container, = job["spec"]["template"]["spec"]["containers"]
        self.assertEqual(container["command"], ["kernspan"])
        arguments = [argument.replace("/etc/kernspan", str(self.folder))
                     .replace(f"{GATEWAY_HOST}:4317", f"localhost:{self.port}") for argument in container["args"]]
        environment = {entry["name"]: entry["value"] for entry in container.get("env", []) if "value" in entry}
        return subprocess.run([bin_folder() / "kernspan", *arguments], capture_output=True, text=True, timeout=60,
                              check=False, env={"PATH": "/usr/bin:/bin", "POD_IP": "127.0.0.1", **environment})

    def test_the_test_trace_arrives(self):
        done = self.run_job("test-trace")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("the first trace is ", done.stdout)
        file, found = SpanFile(self.spans), []
        wait_until(lambda: found.extend(file.read()) or len(found) >= 800, 20)
        self.assertEqual({span.service for span in found}, {"my-test-service"})
        self.assertEqual(len(found), 800)

    def test_the_probe_follows_the_gateways_configuration(self):
        config = self.folder / "config" / "config.yaml"
        text = ("receivers: {otlp: {protocols: {grpc: {endpoint: '${env:POD_IP}:4317'}}}}\n"
                f"exporters: {{otlp_grpc: {{endpoint: 'localhost:PORT', tls: {{ca_file: {self.folder}/tls/ca.crt}}}}}}\n"
                "service: {pipelines: {traces: {receivers: [otlp], exporters: [otlp_grpc]}}}\n")
        config.write_text(text.replace("PORT", str(self.port)), encoding="utf-8")
        done = self.run_job("probe")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("took a request without spans", done.stdout)
        config.write_text(text.replace("PORT", str(free_port())), encoding="utf-8")
        self.assertEqual(self.run_job("probe").returncode, 1)

    def test_jobs_end_and_have_no_rights(self):
        for path in JOBS.glob("*.yaml"):
            with self.subTest(path.name):
                job, = documents(path)
                spec = job["spec"]
                pod = spec["template"]["spec"]
                self.assertEqual((job["kind"], spec["backoffLimit"], pod["restartPolicy"]), ("Job", 0, "Never"))
                self.assertGreater(spec["activeDeadlineSeconds"], 0)
                self.assertFalse(pod["automountServiceAccountToken"])
                self.assertTrue(pod["securityContext"]["runAsNonRoot"])
                mounts = {mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
                self.assertEqual(mounts, {volume["name"] for volume in pod["volumes"]})
                # Its pod must not become an address of the gateway's Service.
                self.assertNotIn("app.kubernetes.io/component", spec["template"]["metadata"]["labels"])


class MeshTest(unittest.TestCase):
    def setUp(self):
        self.values, = documents(CHART / "values.yaml")
        self.port = self.values["serviceMesh"]["port"]

    def test_proxies_send_to_the_port_that_the_chart_has_for_them(self):
        config = yaml.safe_load(documents(MESH / "istio.yaml")[0]["data"]["values.yaml"])
        provider, = config["meshConfig"]["extensionProviders"]
        self.assertEqual(provider["opentelemetry"]["service"], GATEWAY_HOST)
        self.assertEqual(provider["opentelemetry"]["port"], self.port)
        data = documents(MESH / "linkerd.yaml")[0]["data"]
        collector = yaml.safe_load(data["values.yaml"])["proxy"]["tracing"]["collector"]
        self.assertEqual(collector["endpoint"], f"{GATEWAY_HOST}:{self.port}")
        older = yaml.safe_load(data["linkerd-jaeger-values.yaml"])["webhook"]
        self.assertEqual(older["collectorSvcAddr"], f"{GATEWAY_HOST}:{self.port}")

    def test_the_mesh_stays_out_of_the_ports_that_the_chart_keeps_out(self):
        pods = (CHART / "templates" / "_pods.tpl").read_text(encoding="utf-8")
        peer = next(each for each in documents(MESH / "istio.yaml") if each["kind"] == "PeerAuthentication")
        ports = ",".join(str(port) for port in peer["spec"]["portLevelMtls"])
        self.assertIn(f'traffic.sidecar.istio.io/excludeInboundPorts: "{ports}"', pods)
        self.assertIn(f'config.linkerd.io/skip-inbound-ports: "{ports}"', pods)
        server = next(each for each in documents(MESH / "linkerd.yaml") if each["kind"] == "Server")
        self.assertEqual(server["spec"]["port"], self.port)

    def test_providers_are_those_that_telemetry_names(self):
        mesh = documents(MESH / "istio.yaml")
        provided = {each["name"] for each in
                    yaml.safe_load(mesh[0]["data"]["values.yaml"])["meshConfig"]["extensionProviders"]}
        telemetry = next(each for each in mesh if each["kind"] == "Telemetry")
        named = {each["name"] for tracing in telemetry["spec"]["tracing"] for each in tracing["providers"]}
        self.assertEqual(named, provided)


if __name__ == "__main__":
    case_report.main("jobs_and_mesh_test")
