"""Values in combinations that nobody has thought of: whatever the chart does not refuse by its own words fits Kubernetes'
description and itself, and starts the daemons. The seed is in the message; KERNSPAN_SEED and KERNSPAN_COMBINATIONS
choose others."""

import copy
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

import yaml

import chart
import object_rules
from object_schemas import ObjectSchemas
from value_cases import ENVIRONMENT

sys.path.insert(0, str(chart.ROOT / "tests" / "e2e"))
import case_report  # noqa: E402
from tiers import bin_folder  # noqa: E402

CHOICES = {
    "clusterInfo.name": ["", "c"], "clusterInfo.zone": ["", "z"], "clusterInfo.attributes": [{}, {"a.b": 'x: "y"'}],
    "network.ipv6": [True, False], "network.policy.enabled": [True, False], "network.podCIDR": ["", "10.0.0.0/8"],
    "network.nodeCIDRs": [[], ["10.9.0.0/16"]], "network.federationCIDRs": [[], ["10.8.0.0/16"]],
    "tls.enabled": [True, True, False], "tls.source": ["selfSigned", "certManager"], "tls.clientAuth": [True, False],
    "federation.enabled": [True, False], "federation.tls.enabled": [True, True, False],
    "federation.endpoint": ["fed.example.com:4317", "https://fed.example.com:443", "dns:///fed.example.com:4317"],
    "federation.tls.certSecretName": ["", "outer"], "federation.tls.clientCertificate": [True, False],
    "federation.auth.token": ["", "token-of-gateways"], "federation.auth.key": ["token", "other"],
    "federation.server.certSecretName": ["", "served"], "federation.server.clientAuth": [True, False],
    "federation.server.auth.tokens": [[], ["accepted-token"]], "federation.stitch.enabled": [True, False],
    "federation.sampling.enabled": [True, False], "federation.persistence.enabled": [True, False],
    "federation.exporters": [{"otlp_grpc": {"endpoint": "tempo:4317"}},
                             {"otlp_http/a": {"endpoint": "https://a.example"}, "debug": {}}],
    "federation.service.type": ["ClusterIP", "LoadBalancer", "NodePort"],
    "agent.enabled": [True, True, False], "agent.endpoint": ["gateway.example.com:4317"],
    "agent.otlp.enabled": [True, False], "agent.hostNetwork": [True, False], "agent.kubelet.enabled": [True, False],
    "agent.kubelet.mode": ["secure", "readOnly"], "agent.persistence.enabled": [True, False],
    "agent.resources": [{}, {"limits": {"memory": "300M"}}, {"requests": {"cpu": "1"}}],
    "gateway.enabled": [True, True, False], "gateway.stitch.enabled": [True, False],
    "gateway.sampling.enabled": [True, False], "gateway.sampling.errorSampling": [0, 50, 100],
    "gateway.sampling.probabilistic": [0, 10, 100], "gateway.sampling.latencyThreshold": [0, 500],
    "gateway.server.auth.tokens": [[], ["accepted-token"]], "gateway.persistence.enabled": [True, False],
    "gateway.exporters": [{}, {"otlp_grpc/x": {"endpoint": "tempo:4317"}}], "gateway.dropPaths": [[], ["/it's", '/"x"']],
    "gateway.preStopSleepSeconds": [0, 5], "gateway.antiAffinity": ["soft", "hard", "none"],
    "serviceMesh.istio.enabled": [True, False], "serviceMesh.istio.zipkin": [True, False],
    "serviceMesh.linkerd.enabled": [True, False], "monitoring.podMonitor.enabled": [True, False],
    "monitoring.dashboards.enabled": [True, False], "rbac.create": [True, False],
}
VERSIONS = ["v1.21.0", "v1.28.3", "v1.30.0", "v1.36.0"]
# A start of the daemons' validation takes a tenth of a second; two thirds of the combinations are not refused.
COMBINATIONS = int(os.environ.get("KERNSPAN_COMBINATIONS", "30"))


def combination(chance):
    values = {}
    for path, choices in CHOICES.items():
        if chance.random() < 0.5 or path in ("federation.endpoint", "federation.exporters", "agent.endpoint"):
            *folders, key = path.split(".")
            place = values
            for folder in folders:
                place = place.setdefault(folder, {})
            place[key] = copy.deepcopy(chance.choice(choices))
    return values


class CombinationsTest(unittest.TestCase):
    def setUp(self):
        self.schemas = ObjectSchemas()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.config = pathlib.Path(folder.name) / "config.yaml"

    def problems(self, rendered, values):
        yield from (f"{item['kind']} {item['metadata']['name']}: {line}" for item in rendered.objects
                    for line in self.schemas.errors(item))
        yield from object_rules.problems(rendered, yaml.safe_dump(values))
        for tier, text in rendered.configs().items():
            self.config.write_text(text, encoding="utf-8")
            program = rendered.image(tier).partition(":")[0]
            done = subprocess.run([bin_folder() / program, "--validate", "--strict", "--config", self.config],
                                  env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, check=False)
            if done.returncode:
                yield f"{tier}: {done.stderr}"

    def test_what_is_not_refused_is_right(self):
        first = int(os.environ.get("KERNSPAN_SEED", "1"))
        whole = 0
        for seed in range(first, first + COMBINATIONS):
            chance = random.Random(seed)
            values, version = combination(chance), chance.choice(VERSIONS)
            try:
                rendered = chart.render_values(values, "-kube-version", version)
            except chart.RenderError as refusal:
                self.assertIn("error calling fail", str(refusal), f"seed {seed}")
                self.assertNotIn("is no YAML", str(refusal), f"seed {seed}")
                continue
            whole += 1
            wrong = list(self.problems(rendered, values))
            self.assertFalse(wrong, f"seed {seed}, {version}\n" + "\n".join(wrong))
        print(f"    {whole} of {COMBINATIONS} combinations are whole", flush=True)
        self.assertGreater(whole, COMBINATIONS / 4)


if __name__ == "__main__":
    case_report.main("combinations_test")
