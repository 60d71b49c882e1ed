"""A real Prometheus scrapes a gateway: the metrics that it passes on, through the prometheus exporter, and its own."""

import json
import pathlib
import shutil
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "workloads"))
import case_report  # noqa: E402
from processes import Program, free_port, wait_until  # noqa: E402
from tiers import Daemon  # noqa: E402

GATEWAY = """
receivers:
  otlp:
    protocols: {http: {endpoint: "${env:LISTEN}"}}
processors:
  resource:
    attributes: [{key: k8s.cluster.name, value: cluster-a, action: upsert}]
  batch: {timeout: 100ms}
exporters:
  prometheus:
    endpoint: ${env:METRICS_LISTEN}
    namespace: otel
    const_labels: {collector: gateway}
    resource_to_telemetry_conversion: {enabled: true}
service:
  pipelines:
    metrics: {receivers: [otlp], processors: [resource, batch], exporters: [prometheus]}
  telemetry:
    metrics:
      readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: "${env:KERNSPAN_METRICS_PORT}"}}}}]
"""


def request_of(now_ns, calls):
    """A counter, a gauge and a histogram of one service, as OTLP JSON."""
    times = {"startTimeUnixNano": str(now_ns - 60_000_000_000), "timeUnixNano": str(now_ns)}
    route = [{"key": "http.route", "value": {"stringValue": "/cart"}}]
    cumulative = 2
    metrics = [
        {"name": "calls", "sum": {"aggregationTemporality": cumulative, "isMonotonic": True, "dataPoints": [
            {**times, "attributes": route, "asInt": str(calls)}]}},
        {"name": "temperature", "gauge": {"dataPoints": [{**times, "asDouble": 21.5}]}},
        {"name": "duration", "unit": "ms", "histogram": {
            "aggregationTemporality": cumulative, "dataPoints": [
                {**times, "count": "6", "sum": 40.0, "explicitBounds": [5, 10],
                 "bucketCounts": ["1", "2", "3"]}]}},
    ]
    return {"resourceMetrics": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
        "scopeMetrics": [{"metrics": metrics}]}]}


@unittest.skipUnless(shutil.which("prometheus"), "not installed: prometheus")
class PrometheusTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kernspan-prometheus-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        config = self.folder / "gateway.yaml"
        config.write_text(GATEWAY, encoding="utf-8")
        self.otlp, exporter, self.prometheus = free_port(), free_port(), free_port()
        self.gateway = Daemon("gateway", self.folder, {
            "LISTEN": f"127.0.0.1:{self.otlp}", "METRICS_LISTEN": f"127.0.0.1:{exporter}"}, [config])
        self.addCleanup(self.gateway.stop)
        scrapes = self.folder / "prometheus.yml"
        scrapes.write_text(
            "global: {scrape_interval: 500ms, scrape_timeout: 400ms}\n"
            "scrape_configs:\n"
            f"- {{job_name: passed-on, static_configs: [{{targets: ['127.0.0.1:{exporter}']}}]}}\n"
            "- {job_name: own, static_configs: "
            f"[{{targets: ['127.0.0.1:{self.gateway.metrics_port}']}}]}}\n", encoding="utf-8")
        program = Program("prometheus", [
            "prometheus", f"--config.file={scrapes}", f"--storage.tsdb.path={self.folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{self.prometheus}"], self.folder / "prometheus.log")
        self.addCleanup(program.stop)
        program.wait_for(self.is_ready, "it is ready", 30)

    def is_ready(self):
        try:
            return self.get("/-/ready") is not None
        except (OSError, urllib.error.URLError):
            return False

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.prometheus}{path}", timeout=10) as answer:
            return answer.read().decode()

    def query(self, expression):
        """[(labels, value)] of an instant query."""
        answer = json.loads(self.get("/api/v1/query?query=" + urllib.parse.quote(expression)))
        self.assertEqual(answer["status"], "success", answer)
        return [(row["metric"], float(row["value"][1])) for row in answer["data"]["result"]]

    def send(self, calls):
        body = json.dumps(request_of(time.time_ns(), calls)).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.otlp}/v1/metrics", body,
                                         {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            self.assertEqual(answer.status, 200)

    def value_becomes(self, expression, expected):
        found = []

        def look():
            found[:] = self.query(expression)
            return [value for _, value in found] == [expected]
        self.assertTrue(wait_until(look, 20, 0.2), f"{expression}: {found}")
        return found[0][0]

    def test_what_was_sent_can_be_asked_for(self):
        self.send(7)
        labels = self.value_becomes('otel_calls_total', 7)
        self.assertEqual(labels["collector"], "gateway")
        self.assertEqual(labels["http_route"], "/cart")
        self.assertEqual(labels["k8s_cluster_name"], "cluster-a")
        self.value_becomes("otel_temperature", 21.5)
        self.value_becomes('otel_duration_milliseconds_bucket{le="10"}', 3)
        self.value_becomes("otel_duration_milliseconds_count", 6)
        self.value_becomes("histogram_quantile(0.5, otel_duration_milliseconds_bucket)", 10)
        self.send(9)
        self.value_becomes("otel_calls_total", 9)

    def test_its_own_metrics_under_the_collectors_names(self):
        self.send(1)
        self.value_becomes('otelcol_receiver_accepted_metric_points{receiver="otlp"}', 3)
        self.value_becomes('kernspan_stage_passed_on{stage="receivers/otlp"}', 3)
        self.value_becomes("count(kernspan_pipeline_balance_difference != 0) or vector(0)", 0)


if __name__ == "__main__":
    case_report.main("prometheus_test")
