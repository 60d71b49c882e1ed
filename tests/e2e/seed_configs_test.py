"""The tutorials' configurations (tests/vectors/seed_configs): the default mode accepts all of each but the
components that are not built, strict mode refuses what the collector refuses, the doctor names the
points of the diagnosis catalogue, and spans go through. Endpoints, paths and certificates are those of
this machine, given by further sources and the environment; the rest is as it was written."""

import json
import pathlib
import re
import subprocess
import tempfile
import unittest

import case_report
from certificates import Authority
from kubernetes_api import KubernetesApi
from otlp_lines import SpanFile
from tiers import ROOT, Daemon, bin_folder
from processes import free_port, wait_until

SEEDS = ROOT / "tests" / "vectors" / "seed_configs"
BASES = pathlib.Path(__file__).resolve().parent / "configs"
NOT_BUILT = "is not part of this version"
TRACES = 20  # of two spans each

# What strict mode says, by the point of the catalogue.
REFUSED = {
    1: r"unknown type: \"file_storage\" for id: .* it is an extension",
    2: r"names the extension .* which service::extensions does not list",
    3: r"it became a connector",
    4: r"duplicate dimension name",
    5: r"used as receiver in \[metrics\] pipeline but not used in any supported exporter pipeline",
    6: r"has invalid keys: primary, fallback",
    7: r"has invalid keys: require_client_auth",
    8: r"service::telemetry::metrics: has invalid keys: address",
    9: r"invalid detector key",
    10: r"::k8snode: has invalid keys: context",
    12: r"resolver::dns::port: expected type 'string'",
}


class Seed:
    """One configuration, and what is known of it."""

    def __init__(self, name, points, fragment=False, copies=1, **redirected):
        self.name = name
        self.points = points        # that the doctor names
        self.files = [SEEDS / f"{name}{'.fragment' if fragment else ''}.yaml"]
        if fragment:
            self.files.insert(0, BASES / f"{name}.base.yaml")
        self.copies = copies        # how often the sink gets each span
        self.redirected = redirected

    @property
    def class_a(self):
        return {point for point in self.points if point in REFUSED}


ENVIRONMENT = {name: f"test-{name.lower().replace('_', '-')}" for name in (
    "CLUSTER_NAME", "CLUSTER_UID", "CLUSTER_REGION", "CLOUD_PROVIDER", "CLOUD_REGION", "CLOUD_ZONE",
    "ENVIRONMENT", "TEAM_NAME", "COST_CENTER", "REGION", "NODE_NAME", "K8S_NODE_NAME",
    "OTEL_AUTH_TOKEN", "FEDERATION_AUTH_TOKEN", "ONEUPTIME_TOKEN")}

SEED_CONFIGS = [
    Seed("agent", {9, 24, 27, 33, 37}, exporters=["otlp"], http=True, kubernetes=True,
         extensions=["health_check", "zpages"]),
    Seed("gateway", {8, 18, 21, 22, 23, 24, 25, 33, 37}, variable="FEDERATION_COLLECTOR_ENDPOINT",
         client_tls="otlp", http=True, extensions=["health_check", "pprof", "zpages"]),
    Seed("federation", {3, 4, 5, 7, 8, 14, 15, 18, 19, 22, 23, 24, 25, 33, 37}, copies=3,
         exporters=["otlp/jaeger", "otlp/tempo", "otlp/storage"], server_tls=True, http=True,
         prometheus=True, extensions=["health_check", "pprof", "zpages"]),
    Seed("spoke", {24, 25, 26, 29, 33, 37}, exporters=["otlp/hub"], http=True, file="file/backup"),
    Seed("hub", {17, 18, 21, 22, 24, 25, 33, 37}, http_exporters=["otlphttp"]),
    # To the backend, and to its peers.
    Seed("peer", {11, 12, 25, 31, 33, 37}, copies=2, http_exporters=["otlphttp"], peers=True),
    Seed("hybrid", {6, 20, 23, 25, 33, 37}, exporters=["otlp/regional-hub"],
         client_tls="otlp/regional-hub", http_exporters=["otlphttp/direct"], file="file",
         extensions=["health_check", "pprof"]),
    Seed("buffered", {1, 2, 34}, fragment=True, exporters=["otlp/primary"], client_tls="otlp/primary",
         storage=True),
    Seed("cluster-tagging", {34}, fragment=True, exporters=["otlp"]),
    Seed("detection", {9, 10, 27, 28, 34}, fragment=True, exporters=["otlp"], kubernetes=True),
    Seed("failure-scenarios", {2, 30, 34, 37}, fragment=True, copies=2,
         exporters=["otlp/primary", "otlp/fallback"], client_tls="otlp/primary otlp/fallback",
         storage=True),
    Seed("sampling-strategies", {13, 18, 21, 34}, fragment=True, exporters=["otlp"]),
]


def kernspan(*arguments):
    return subprocess.run([bin_folder() / "kernspan", *map(str, arguments)], capture_output=True,
                          text=True, timeout=60, check=False,
                          env={"PATH": "/usr/bin:/bin", **ENVIRONMENT,
                               "FEDERATION_COLLECTOR_ENDPOINT": "federation.example.com:4317",
                               "PRIMARY_COLLECTOR_ENDPOINT": "primary.example.com:4317",
                               "FALLBACK_COLLECTOR_ENDPOINT": "fallback.example.com:4317"})


def doctor_points(*files):
    """The catalogue's points of the findings, each of which must say what to do."""
    done = kernspan("doctor", "--format", "json", "--fail-on", "never", *files)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    findings = json.loads(done.stdout)
    for finding in findings:
        if not finding["reason"] or not finding["fix"]:
            raise AssertionError(f"{finding['id']} has no reason or no fix")
    return {finding["point"] for finding in findings if finding["point"]}


class SeedConfigsTest(unittest.TestCase):
    def test_the_default_mode_refuses_only_what_is_not_built(self):
        for seed in SEED_CONFIGS:
            with self.subTest(seed.name):
                done = kernspan("validate", *seed.files)
                errors = [line for line in done.stderr.splitlines()
                          if not line.startswith("warning: ")]
                self.assertFalse([line for line in errors if NOT_BUILT not in line])
                self.assertEqual(done.returncode, 1 if errors else 0)
                done = kernspan("validate", "--skip-unbuilt", *seed.files)
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_strict_mode_refuses_what_the_collector_refuses(self):
        for seed in SEED_CONFIGS:
            with self.subTest(seed.name):
                done = kernspan("validate", "--strict", *seed.files)
                errors = [line for line in done.stderr.splitlines()
                          if not line.startswith("warning: ") and NOT_BUILT not in line]
                refused = {point for point, text in REFUSED.items()
                           for line in errors if re.search(text, line)}
                self.assertEqual(refused, seed.class_a, done.stderr)
                known = "|".join(REFUSED.values())
                self.assertFalse([line for line in errors if not re.search(known, line)])

    def test_the_doctor_names_the_points_of_the_catalogue(self):
        found = {}
        for seed in SEED_CONFIGS:
            points = doctor_points(*seed.files)
            if 34 in seed.points:
                points |= doctor_points(seed.files[-1]) & {34}
            found[seed.name] = points
            with self.subTest(seed.name):
                self.assertFalse(seed.points - points, f"not found; found: {sorted(points)}")
        alerts = doctor_points(SEEDS / "alerts-collector.yaml", SEEDS / "alerts-cross-cluster.yaml")
        self.assertEqual(alerts, {16, 36})
        everything = set().union(alerts, *found.values())
        print(f"\n{len(everything)} of the catalogue's 37 points: {sorted(everything)}")
        self.assertGreaterEqual(len(everything), 35)

    def test_effective_configurations_are_configurations_and_hold_no_secrets(self):
        for seed in SEED_CONFIGS:
            with self.subTest(seed.name), tempfile.TemporaryDirectory() as folder:
                done = kernspan("validate", "--skip-unbuilt", "--print", *seed.files)
                self.assertEqual(done.returncode, 0, done.stderr)
                for secret in ("OTEL_AUTH_TOKEN", "FEDERATION_AUTH_TOKEN", "ONEUPTIME_TOKEN"):
                    self.assertNotIn(ENVIRONMENT[secret], done.stdout)
                again = pathlib.Path(folder) / "effective.yaml"
                again.write_text(done.stdout)
                # What is printed needs no translation.
                done = kernspan("validate", "--strict", again)
                self.assertEqual(done.returncode, 0, done.stderr)


class SeedSpansTest(unittest.TestCase):
    """Each configuration runs, without what is not built, between a client and a sink."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kernspan-seeds-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.authority = Authority(self.folder / "ca")
        self.identity = self.authority.sign("localhost")

    def start_sink(self, seed):
        """A gateway that writes what it gets to a file. The ports of gRPC and of HTTP."""
        grpc, http = free_port(), free_port()
        certificate, key = self.identity
        tls = f"tls: {{cert_file: {certificate}, key_file: {key}}}, "
        config = f"""
receivers: {{otlp: {{protocols: {{
  grpc: {{{tls if "client_tls" in seed.redirected else ""}endpoint: "127.0.0.1:{grpc}"}},
  {f'http: {{endpoint: "127.0.0.1:{http}"}}' if "http_exporters" in seed.redirected else ""}}}}}}}
exporters: {{file: {{path: "{self.spans(seed)}", flush_interval: 100ms}}}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{traces: {{receivers: [otlp], exporters: [file]}}}}
"""
        sink = Daemon("gateway", self.folder, {}, [f"yaml:{config}"], name=f"{seed.name}-sink")
        self.addCleanup(sink.stop)
        return grpc, http

    def spans(self, seed):
        return self.folder / f"{seed.name}.jsonl"

    def redirect(self, seed, port, sink_grpc, sink_http):
        """What stands above the seed: this machine's endpoints, paths and certificates."""
        certificate, key = self.identity
        lines = [f"receivers::otlp::protocols::grpc::endpoint: localhost:{port}"]
        if "http" in seed.redirected:
            lines.append(f"receivers::otlp::protocols::http::endpoint: localhost:{free_port()}")
        if "peers" in seed.redirected:
            lines.append(f"receivers::otlp/peers::protocols::grpc::endpoint: localhost:{free_port()}")
            lines += ["exporters::loadbalancing::resolver::dns::hostname: 127.0.0.1",
                      f"exporters::loadbalancing::resolver::dns::port: {sink_grpc}"]
        if "kubernetes" in seed.redirected:
            lines.append("processors::k8sattributes::auth_type: kubeConfig")
        if "server_tls" in seed.redirected:
            for protocol in ("grpc", "http"):
                tls = f"receivers::otlp::protocols::{protocol}::tls"
                lines += [f"{tls}::cert_file: {certificate}", f"{tls}::key_file: {key}"]
            lines.append("receivers::otlp::protocols::grpc::tls::client_ca_file: "
                         f"{self.authority.certificate}")
        for exporter in seed.redirected.get("exporters", ()):
            lines.append(f"exporters::{exporter}::endpoint: localhost:{sink_grpc}")
        for exporter in seed.redirected.get("client_tls", "").split():
            lines.append(f"exporters::{exporter}::tls::ca_file: {self.authority.certificate}")
            lines += [f"exporters::{exporter}::tls::cert_file: {certificate}",
                      f"exporters::{exporter}::tls::key_file: {key}"]
        for exporter in seed.redirected.get("http_exporters", ()):
            lines.append(f"exporters::{exporter}::endpoint: http://localhost:{sink_http}")
        if "file" in seed.redirected:
            lines.append(f"exporters::{seed.redirected['file']}::path: {self.folder / 'backup.json'}")
        if "prometheus" in seed.redirected:
            lines.append(f"exporters::prometheus::endpoint: localhost:{free_port()}")
        for extension in seed.redirected.get("extensions", ()):
            lines.append(f"extensions::{extension}::endpoint: localhost:{free_port()}")
        if "storage" in seed.redirected:
            folder = self.folder / f"{seed.name}-queue"
            (folder / "compaction").mkdir(parents=True)
            lines.append(f"extensions::file_storage::directory: {folder}")
            if seed.name == "buffered":
                lines.append(f"exporters::file_storage::compaction::directory: {folder}/compaction")
        address = "localhost:${env:KERNSPAN_METRICS_PORT}"
        if seed.name in ("gateway", "federation"):
            lines.append(f'service::telemetry::metrics::address: "{address}"')
        else:
            lines.append("service::telemetry::metrics::readers: [{pull: {exporter: {prometheus: {host: "
                         'localhost, port: "${env:KERNSPAN_METRICS_PORT}"}}}}]')
        return "yaml:" + "\n".join(lines)

    def start(self, seed):
        """The daemon and the endpoint of its receiver."""
        port = free_port()
        sink_grpc, sink_http = self.start_sink(seed)
        endpoint = f"localhost:{sink_grpc}"
        environment = {**ENVIRONMENT, "FEDERATION_COLLECTOR_ENDPOINT": endpoint,
                       "PRIMARY_COLLECTOR_ENDPOINT": endpoint,
                       "FALLBACK_COLLECTOR_ENDPOINT": endpoint}
        if "kubernetes" in seed.redirected:
            api = KubernetesApi(self.folder, self.authority)
            api.__enter__()
            self.addCleanup(api.__exit__)
            environment["KUBECONFIG"] = str(api.kubeconfig)
        tier = "federation" if seed.name in ("federation", "hub") else "gateway"
        daemon = Daemon(tier, self.folder, environment,
                        [*seed.files, self.redirect(seed, port, sink_grpc, sink_http)],
                        name=seed.name, options=["--skip-unbuilt"])
        self.addCleanup(daemon.stop)
        return daemon, f"localhost:{port}"

    def run_spans_through(self, seed):
        daemon, endpoint = self.start(seed)
        tls = ["--insecure"]
        if "server_tls" in seed.redirected:
            certificate, key = self.identity
            tls = ["--ca-file", self.authority.certificate, "--cert-file", certificate, "--key-file",
                   key]
        samples_tails = "tail_sampling" in self.running(daemon, seed)
        # All of the seeds' policies keep errors, and few of them anything else.
        statuses = ["error", "ok"] if samples_tails else ["unset"]
        for status in statuses:
            # One worker for each processor of the machine unless told.
            sent = kernspan("send-test-trace", endpoint, "--workers", 1, "--traces", TRACES,
                            "--status-code", status, "--span-attribute", f"sent.status={status}", *tls)
            self.assertEqual(sent.returncode, 0, sent.stdout + sent.stderr)
        self.assertEqual(daemon.stop(), 0, daemon.log())  # sends what its batches hold
        expected = 2 * TRACES * seed.copies
        file, found = SpanFile(self.spans(seed)), []
        wait_until(lambda: found.extend(file.read()) or len(found) >= expected, 20)
        if "probabilistic_sampler" in self.running(daemon, seed):
            self.assertGreater(len(found), 0)
            self.assertLess(len(found), expected)
        elif samples_tails:
            wait_until(lambda: found.extend(file.read()), 2)  # what is kept of the others
            kept = [span for span in found if span.attributes.get("sent.status") == "error"]
            self.assertEqual(len(kept), expected, daemon.log())
            self.assertLess(len(found), 2 * expected, "all traces were kept")
        else:
            self.assertEqual(len(found), expected, daemon.log())
            self.assertEqual(len({(span.trace, span.id) for span in found}), 2 * TRACES)

    def running(self, daemon, seed):
        """The configuration's text without what was left out."""
        text = seed.files[-1].read_text()
        for left_out in re.findall(r"(\w+): LEFT OUT", daemon.log()):
            text = text.replace(left_out, "")
        return text


def _add_case(seed):
    def case(self):
        self.run_spans_through(seed)
    setattr(SeedSpansTest, f"test_{seed.name.replace('-', '_')}", case)


for _seed in SEED_CONFIGS:
    _add_case(_seed)


if __name__ == "__main__":
    case_report.main("seed_configs_test")
