"""A federation tier, two gateways and an agent with every component, and a little of each kind of data through
them: what they say on /metrics is what dashboards and alerts may ask for."""

import http.client
import json
import pathlib
import re
import ssl
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "workloads"))
from certificates import Authority  # noqa: E402
from kubernetes_api import KubernetesApi  # noqa: E402
from processes import free_port, wait_until  # noqa: E402
from tiers import Daemon, bin_folder  # noqa: E402

CONFIGS = pathlib.Path(__file__).resolve().parent / "configs"
GATEWAYS = 2
TRACES = 40
# A server span of a node whose trace id is derived, and the call on another node that announces it.
DERIVED_TRACE, CALLER_TRACE = "d" * 32, "c" * 32
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Family:
    """One metric family of a page: its type, its help, and its labels: name -> values."""

    def __init__(self, kind, text):
        self.kind = kind
        self.help = text
        self.labels = {}

    def see(self, labels):
        for label, values in labels.items():
            self.labels.setdefault(label, set()).update(values)


def families_of(page):
    """name -> Family, of the text that /metrics answers with. `le` of a histogram's buckets is no label of it."""
    families = {}
    text = {}
    for line in page.splitlines():
        if line.startswith("# HELP "):
            name, _, text[name] = line.removeprefix("# HELP ").partition(" ")
        elif line.startswith("# TYPE "):
            name, kind = line.removeprefix("# TYPE ").split()
            families[name] = Family(kind, text.get(name, ""))
        else:
            name, labels = re.match(r"([\w:]+)(?:\{(.*)\})? ", line).groups()
            family = families.get(name) or families[re.sub("_(bucket|sum|count)$", "", name)]
            family.see({label: {value} for label, value in _LABEL.findall(labels or "") if label != "le"})
    return families


def resource(node, spans):
    return {"resource": {"attributes": [{"key": "k8s.node.name", "value": {"stringValue": node}}]},
            "scopeSpans": [{"spans": spans}]}


def span(trace, number, kind, attribute, value):
    now = time.time_ns()
    return {"traceId": trace, "spanId": number * 16, "name": "work", "kind": kind,
            "startTimeUnixNano": str(now), "endTimeUnixNano": str(now + 1000),
            "attributes": [{"key": attribute, "value": value}]}


class Fleet:
    """A context manager; its daemons run inside. `agent`: whether this machine can run one."""

    def __init__(self, folder, agent=True):
        self.folder = pathlib.Path(folder)
        self._agent = agent
        self._authority = Authority(self.folder / "ca")
        self._api = KubernetesApi(self.folder, self._authority)
        self.daemons = {}  # name -> Daemon
        (self.folder / "tokens").write_text("the-token\n", encoding="utf-8")
        certificate, key = self._authority.sign("localhost")
        self._local = {name: f"localhost:{free_port()}" for name in (
            "FEDERATION", "FEDERATION_HTTP", "AGENT", "AGENT_HEALTH", "FEDERATION_HEALTH")}
        self._gateways = [f"localhost:{free_port()}" for _ in range(GATEWAYS)]
        self.gateway_http = [free_port() for _ in range(GATEWAYS)]
        self._replicas = [f"localhost:{free_port()}" for _ in range(GATEWAYS)]
        self._environment = {
            "CERTIFICATE": str(certificate), "KEY": str(key), "AUTHORITY": str(self._authority.certificate),
            "TOKENS": str(self.folder / "tokens"), "NO_KUBELET": f"127.0.0.1:{free_port()}", "SPANS_FILE": str(self.folder / "spans.jsonl"),
            "KUBECONFIG": str(self._api.kubeconfig), "GATEWAY_ENDPOINT": self._gateways[0],
            "FEDERATION_ENDPOINT": self._local["FEDERATION"],
            "FEDERATION_HTTP_ENDPOINT": self._local["FEDERATION_HTTP"],
            "REPLICAS": f"[{', '.join(self._replicas)}]",
            **{f"{name}_LISTEN": address for name, address in self._local.items()}}

    def __enter__(self):
        self._api.__enter__()
        try:
            self._start("federation", "federation", {})
            for number in range(GATEWAYS):
                self._start("gateway", f"gateway-{number}", {
                    "GATEWAY_LISTEN": self._gateways[number], "REPLICA_LISTEN": self._replicas[number],
                    "GATEWAY_HTTP_LISTEN": f"localhost:{self.gateway_http[number]}",
                    "ZIPKIN_LISTEN": f"localhost:{free_port()}",
                    "PROMETHEUS_LISTEN": f"localhost:{free_port()}",
                    "GATEWAY_HEALTH_LISTEN": f"localhost:{free_port()}",
                    "QUEUE": str(self.folder / f"queue-{number}")})
            if self._agent:
                self._start("agent", "agent", {})
            self._send()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for daemon in reversed(self.daemons.values()):
            daemon.stop()
        self._api.__exit__()

    def _start(self, tier, name, environment):
        self.daemons[name] = Daemon(tier, self.folder, {**self._environment, **environment},
                                    [CONFIGS / f"fleet-{tier}.yaml"], name=name)

    def _send(self):
        """Data of each kind, and waits until it has come through, so that series which only an event brings
        forth are there."""
        gateways = [self.daemons[f"gateway-{number}"] for number in range(GATEWAYS)]
        self._wait("the replicas have found each other", lambda: all(
            each.metrics().sum("kernspan_replicas_ring_size") == GATEWAYS for each in gateways))
        for endpoint in [*self._gateways, *([self._local["AGENT"]] if self._agent else [])]:
            subprocess.run([bin_folder() / "kernspan", "send-test-trace", endpoint, "--insecure", "--workers",
                            "1", "--traces", str(TRACES), "--status-code", "error"], check=True,
                           timeout=60, stdout=subprocess.DEVNULL)
        # The server's side first: it waits, and is found by the announcement.
        self._post("/v1/traces", {"resourceSpans": [resource("node-b", [
            span(DERIVED_TRACE, "b", 2, "kernspan.stitch.derived", {"boolValue": True})])]})
        self._post("/v1/traces", {"resourceSpans": [resource("node-a", [
            span(CALLER_TRACE, "a", 3, "kernspan.stitch.peer_trace_id", {"stringValue": DERIVED_TRACE})])]})
        self._post("/v1/metrics", {"resourceMetrics": [{"scopeMetrics": [{"metrics": [
            {"name": "temperature", "gauge": {"dataPoints": [
                {"timeUnixNano": str(time.time_ns()), "asDouble": 21.5}]}}]}]}]})
        self._wait("the trace of two nodes is joined", lambda: any(
            each.metrics().sum("kernspan_stitch_clock_exchanges") for each in gateways))
        self._wait("all replicas have taken over spans", lambda: all(
            each.metrics().sum("kernspan_stage_from_peers") for each in gateways))
        sent = (2 + self._agent) * TRACES
        self._wait("the spans have come to the federation tier", lambda: self.daemons[
            "federation"].metrics().sum("otelcol_exporter_sent_spans") >= sent)

    def _wait(self, what, condition):
        if not wait_until(condition, 60, 0.1):
            raise AssertionError(f"not within a minute: {what}")

    def _post(self, path, body):
        context = ssl.create_default_context(cafile=self._authority.certificate)
        connection = http.client.HTTPSConnection("localhost", self.gateway_http[0], timeout=10, context=context)
        try:
            connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
            answer = connection.getresponse()
            text = answer.read().decode()
            if answer.status != 200:
                raise AssertionError(f"{path}: {answer.status} {text}")
        finally:
            connection.close()

    def pages(self):
        """tier -> the pages of its daemons."""
        pages = {}
        for daemon in self.daemons.values():
            connection = http.client.HTTPConnection("127.0.0.1", daemon.metrics_port, timeout=10)
            connection.request("GET", "/metrics")
            pages.setdefault(daemon.tier, []).append(connection.getresponse().read().decode())
            connection.close()
        return pages

    def inventory(self):
        """name -> (Family of all daemons together, the tiers that have it)."""
        found = {}
        for tier, pages in self.pages().items():
            for page in pages:
                for name, family in families_of(page).items():
                    known, tiers = found.setdefault(name, (family, set()))
                    if known.kind != family.kind:
                        raise AssertionError(f"{name} is a {known.kind} and a {family.kind}")
                    known.see(family.labels)
                    tiers.add(tier)
        return found
