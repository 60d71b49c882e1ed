"""A gateway that watches a Kubernetes API: k8s_attributes finds the pod of a sender by the address of its connection
and follows its changes; load_balancing follows the endpoints of a service."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "workloads"))
import case_report  # noqa: E402
from certificates import Authority  # noqa: E402
from kubernetes_api import KubernetesApi  # noqa: E402
from processes import free_port, wait_until  # noqa: E402
from tiers import Daemon  # noqa: E402

try:
    import grpc
    import otlp_load
except ImportError:
    grpc = None

GATEWAY = """
receivers:
  otlp: {protocols: {grpc: {endpoint: "${env:LISTEN}"}, http: {endpoint: "${env:LISTEN_HTTP}"}}}
processors:
  k8sattributes:
    auth_type: kubeConfig
    wait_for_metadata: true
    extract:
      metadata: [k8s.pod.name, k8s.namespace.name, k8s.deployment.name]
      labels: [{tag_name: version, key: version}, {tag_name: tier, key: tier, from: namespace}]
    pod_association: [{sources: [{from: connection}]}]
exporters:
  file: {path: "${env:SPANS_FILE}", flush_interval: 20ms}
  loadbalancing:
    protocol: {otlp: {tls: {insecure: true}}}
    resolver: {k8s: {service: gateway.tracing, timeout: 20s}}
service:
  pipelines:
    traces: {receivers: [otlp], processors: [k8sattributes], exporters: [file]}
    traces/balanced: {receivers: [otlp], exporters: [loadbalancing]}
  telemetry:
    metrics:
      readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: "${env:KERNSPAN_METRICS_PORT}"}}}}]
"""
PODS, NAMESPACES = "/api/v1/pods", "/api/v1/namespaces"
REPLICASETS = "/apis/apps/v1/replicasets"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/tracing/endpointslices"


def pod(version):
    return {"metadata": {"name": "web-5d9c7b8f6c-abcde", "namespace": "shop", "uid": "pod-uid",
                         "labels": {"version": version},
                         "ownerReferences": [{"kind": "ReplicaSet", "name": "web-5d9c7b8f6c",
                                              "uid": "rs-uid", "controller": True}]},
            "spec": {"nodeName": "node-1", "containers": [{"name": "app", "image": "web:1"}]},
            "status": {"podIP": "127.0.0.1", "startTime": "2026-01-01T00:00:00Z"}}


def endpoints(*addresses):
    return {"metadata": {"name": "gateway-x", "namespace": "tracing"}, "addressType": "IPv4",
            "endpoints": [{"addresses": [address], "conditions": {"ready": True}}
                          for address in addresses]}


def setUpModule():
    if grpc is None:
        raise unittest.SkipTest("not installed: python3-grpcio")


class KubernetesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kernspan-kubernetes-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.api = KubernetesApi(self.folder, Authority(self.folder / "ca"))
        self.api.__enter__()
        self.addCleanup(self.api.__exit__)
        self.api.put(PODS, pod("1"))
        self.api.put(NAMESPACES, {"metadata": {"name": "shop", "uid": "ns", "labels": {"tier": "gold"}}})
        self.api.put(REPLICASETS, {"metadata": {
            "name": "web-5d9c7b8f6c", "namespace": "shop", "uid": "rs-uid", "ownerReferences": [
                {"kind": "Deployment", "name": "web", "uid": "d", "controller": True}]}})
        self.api.put(SLICES, endpoints("127.0.0.1", "127.0.0.2"))
        self.spans = self.folder / "spans.jsonl"
        self.address = f"127.0.0.1:{free_port()}"
        config = self.folder / "gateway.yaml"
        config.write_text(GATEWAY, encoding="utf-8")
        self.gateway = Daemon("gateway", self.folder, {
            "LISTEN": self.address, "LISTEN_HTTP": f"127.0.0.1:{free_port()}",
            "SPANS_FILE": str(self.spans), "KUBECONFIG": str(self.api.kubeconfig)}, [config])
        self.addCleanup(self.gateway.stop)

    def send(self, span_id):
        with grpc.insecure_channel(self.address) as channel:
            channel.unary_unary(otlp_load.EXPORT)(otlp_load.encode([span_id], 1), timeout=20)

    def text(self):
        return self.spans.read_text(encoding="utf-8") if self.spans.exists() else ""

    def test_attributes_of_the_senders_pod(self):
        self.send("00000000000000a1")
        self.assertTrue(wait_until(lambda: "00000000000000a1" in self.text(), 30))
        for value in ("web-5d9c7b8f6c-abcde", '"shop"', '"web"', '"gold"', '"1"'):
            self.assertIn(value, self.text())
        self.api.put(PODS, pod("the-second"))
        numbers = iter(range(1, 1000))

        def is_known():
            self.send(f"{next(numbers):016x}")
            return "the-second" in self.text()
        self.assertTrue(wait_until(is_known, 30))
        self.assertGreaterEqual(self.gateway.metrics().sum("otelcol_otelsvc_k8s_pod_updated"), 1)
        self.assertFalse([each for each in self.api.requests if "/nodes" in each], "not asked for")

    def test_endpoints_of_a_service(self):
        def backends():
            return self.gateway.metrics().sum("otelcol_loadbalancer_num_backends", resolver="k8s")
        self.assertTrue(wait_until(lambda: backends() == 2, 30))
        self.api.put(SLICES, endpoints("127.0.0.1", "127.0.0.2", "127.0.0.3"))
        self.assertTrue(wait_until(lambda: backends() == 3, 30))
        self.api.remove(SLICES, "gateway-x")
        self.assertTrue(wait_until(lambda: backends() == 0, 30))


if __name__ == "__main__":
    case_report.main("kubernetes_test")
