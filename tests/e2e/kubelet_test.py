"""The agent and a kubelet: programs in containers are named from their first request, whatever the kubelet does."""

import http.server
import os
import subprocess
import threading
import unittest

import case_report
from certificates import Authority
from cgroups import NodeCgroups
from live_case import LiveCase, SpanWait, require
from otlp_lines import CLIENT
from processes import free_port, wait_until
from stand_in_kubelet import StandInKubelet, pod
from tiers import Daemon

CONFIG = """
receivers:
  ebpf:
    kubernetes:
      endpoint: ${env:KUBELET_URL}
      token_file: ${env:KUBELET_TOKEN}
      ca_file: ${env:KUBELET_CA}
      collection_interval: 2s
      timeout: 1s
      enrichment_wait: 3s
      extract: {labels: [app], annotations: ["example.com/*"]}
exporters:
  file: {path: "${env:KERNSPAN_SPANS_FILE}"}
service:
  pipelines:
    traces: {receivers: [ebpf], exporters: [file]}
  telemetry:
    metrics:
      readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: "${env:KERNSPAN_METRICS_PORT}"}}}}]
"""


def setUpModule():
    require(programs=("curl", "openssl"))


class Answers(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass

    def do_GET(self):  # pylint: disable=invalid-name
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


class KubeletTest(LiveCase):
    def setUp(self):
        super().setUp()
        self.cgroups = NodeCgroups()
        self.addCleanup(self.cgroups.close)
        authority = Authority(self.folder / "ca")
        self.token = self.folder / "token"
        self.token.write_text("first\n", encoding="ascii")
        self.kubelet = StandInKubelet(authority, free_port(), "first")
        self.config = self.folder / "agent.yaml"
        self.config.write_text(CONFIG, encoding="utf-8")
        self.environment = {"KUBELET_URL": self.kubelet.url, "KUBELET_TOKEN": str(self.token),
                            "KUBELET_CA": str(authority.certificate)}
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.wait = None  # of the agent that was started last

    def start_agent(self):
        spans = self.folder / f"spans-{free_port()}.jsonl"
        self.wait = SpanWait(spans)
        environment = {**self.environment, "KERNSPAN_SPANS_FILE": str(spans)}
        agent = Daemon("agent", self.folder, environment, [self.config])
        self.addCleanup(agent.stop)
        return agent

    def request(self, container, name):
        """One request of a program that starts in the container and ends with it. Its span's resource."""
        path = f"/{name}-{os.getpid()}"
        url = f"http://127.0.0.1:{self.server.server_address[1]}{path}"
        container.run("curl", "--silent", "--fail", url)
        return self.resource_of(path)

    def resource_of(self, path):
        def clients(spans):
            return [span for span in spans if span.kind == CLIENT and span.path == path]
        found = clients(self.wait.until(lambda spans: bool(clients(spans))))
        self.assertEqual(len(found), 1, path)
        return found[0].resource

    def expect(self, resource, container, name, **more):
        wanted = {"service.namespace": "shop", "k8s.namespace.name": "shop", "k8s.pod.name": name,
                  "k8s.pod.uid": container.pod_uid, "k8s.pod.ip": "10.20.30.40",
                  "k8s.pod.start_time": "2026-01-02T03:04:06Z", "k8s.node.name": "node-e2e",
                  "k8s.container.name": "app", "k8s.container.restart_count": 0,
                  "container.id": container.id, "container.image.name": "shop/app",
                  "container.image.tags": {"values": [{"stringValue": "1.2"}]},
                  "container.runtime.name": "containerd", "service.version": "1.2",
                  "service.instance.id": f"shop.{name}.app", **more}
        self.assertEqual({key: resource.get(key) for key in wanted}, wanted)
        self.assertNotIn("kernspan.k8s.enrichment", resource)

    def expect_missing(self, resource, container):
        self.assertEqual({key: value for key, value in resource.items()
                          if key.startswith(("k8s.", "container.", "kernspan."))},
                         {"container.id": container.id, "k8s.pod.uid": container.pod_uid,
                          "kernspan.k8s.enrichment": "missing"})
        self.assertEqual(resource["service.name"], "curl")

    def wait_for(self, agent, outcome):
        """A request to the kubelet that came to that, from now on."""
        def count():
            return agent.metrics().sum("kernspan_kubelet_requests", outcome=outcome)
        before = count()
        wait_until(lambda: count() > before, 30, 0.1)

    def test_named_from_the_first_request_to_the_end(self):
        web = self.cgroups.container("web-1")
        with self.kubelet:
            agent = self.start_agent()
            self.wait_for(agent, "reachable")
            deployed = pod("web-5d9c7b8f6c-x2x8p", web, owner=("ReplicaSet", "web-5d9c7b8f6c"),
                           labels={"pod-template-hash": "5d9c7b8f6c", "app": "web"},
                           annotations={"example.com/team": "red", "other.com/secret": "no"})
            # The kubelet learns of a container about a second after it has started.
            threading.Timer(0.7, self.kubelet.put, [deployed]).start()
            first = self.request(web, "first")
            self.expect(first, web, "web-5d9c7b8f6c-x2x8p", **{
                "service.name": "web", "k8s.deployment.name": "web", "k8s.replicaset.name": "web-5d9c7b8f6c",
                "k8s.replicaset.uid": "uid-of-web-5d9c7b8f6c", "k8s.pod.label.app": "web",
                "k8s.pod.annotation.example.com/team": "red"})
            self.assertNotIn("k8s.pod.annotation.other.com/secret", first)

            # A restart: another container of the same pod, and the last state names the one before.
            again = self.cgroups.container("web-1-again", pod="pod-web-1")
            self.assertEqual(again.pod_uid, web.pod_uid)
            status = deployed["status"]["containerStatuses"][0]
            status.update(restartCount=1, containerID=f"containerd://{again.id}",
                          lastState={"terminated": {"containerID": f"containerd://{web.id}"}})
            self.kubelet.put(deployed)
            self.expect(self.request(again, "restarted"), again, "web-5d9c7b8f6c-x2x8p",
                        **{"service.name": "web", "k8s.container.restart_count": 1})

            # Deleted, and its program still has something to say.
            self.kubelet.remove("web-5d9c7b8f6c-x2x8p")
            wait_until(lambda: agent.metrics().sum("kernspan_pod_directory_events", outcome="deleted") == 1, 30, 0.1)
            self.expect(self.request(again, "deleted"), again, "web-5d9c7b8f6c-x2x8p",
                        **{"service.name": "web", "k8s.container.restart_count": 1})

            # An agent that comes later knows what is there.
            self.kubelet.put(deployed)
            agent.stop()
            agent = self.start_agent()
            self.expect(self.request(again, "new-agent"), again, "web-5d9c7b8f6c-x2x8p",
                        **{"service.name": "web", "k8s.container.restart_count": 1})
            outcomes = agent.metrics().by_label("kernspan_k8s_enrichment_spans", "outcome")
            self.assertEqual([name for name in outcomes if name.startswith(("missing", "partial"))], [])
        self.assert_paced()
        agent.stop()
        self.assertEqual({stage for stage in agent.summary().values()}, {"balances"})

    def assert_paced(self):
        """Never twice in a second; what two agents asked is not told apart here, so only a rate."""
        times = [when for when, _ in self.kubelet.requests]
        self.assertLess(len(times) / max(times[-1] - times[0], 1), 1.5)

    def test_a_kubelet_that_is_down_forbids_or_is_slow(self):
        agent = self.start_agent()  # nobody listens there
        for name, state in (("down", "down"), ("forbidden", "forbidden"), ("slow", "slow")):
            container = self.cgroups.container(name)
            if name == "down":
                self.expect_missing(self.request(container, "before"), container)
            else:
                with self.kubelet:
                    self.kubelet.put(pod(name, container))
                    self.kubelet.status = 403 if name == "forbidden" else 200
                    self.kubelet.delay = 3 if name == "slow" else 0
                    self.wait_for(agent, state)
                    self.expect_missing(self.request(container, "before-" + name), container)
            with self.kubelet:
                self.kubelet.put(pod(name, container))
                self.kubelet.status, self.kubelet.delay = 200, 0
                self.wait_for(agent, "reachable")
                self.expect(self.request(container, "after-" + name), container, name, **{"service.name": name})
        # Another token, as the one of a service account that is made anew.
        self.kubelet.token = "token-two"
        container = self.cgroups.container("token")
        with self.kubelet:
            self.wait_for(agent, "forbidden")
            self.token.write_text("token-two\n", encoding="ascii")
            self.kubelet.put(pod("token", container))
            self.wait_for(agent, "reachable")
            self.expect(self.request(container, "token"), container, "token", **{"service.name": "token"})
        outcomes = agent.metrics().by_label("kernspan_k8s_enrichment_spans", "outcome")
        for state in ("down", "forbidden", "slow"):
            self.assertGreaterEqual(outcomes["missing_" + state], 1, outcomes)
        agent.stop()
        self.assertEqual({stage for stage in agent.summary().values()}, {"balances"})
        self.assertNotIn("token-two", agent.log())

    def test_a_program_that_waits_for_the_kubelet_is_not_kept_for_ever(self):
        """Its later spans wait no more, and have the pod once it is known."""
        container = self.cgroups.container("stranger")
        with self.kubelet:
            agent = self.start_agent()
            with subprocess.Popen(container.command("/bin/sh"), stdin=subprocess.PIPE, text=True) as shell:
                self.addCleanup(shell.kill)
                port = self.server.server_address[1]

                def ask(name):
                    path = f"/{name}-{os.getpid()}"
                    shell.stdin.write(f"curl --silent http://127.0.0.1:{port}{path}\n")
                    shell.stdin.flush()
                    return self.resource_of(path)
                self.expect_missing(ask("unknown"), container)
                self.expect_missing(ask("unknown-still"), container)
                waits = agent.metrics().by_label("kernspan_k8s_enrichment_waits", "outcome")
                self.assertEqual(waits, {"given_up": 1})
                self.kubelet.put(pod("late", container))
                self.wait_for(agent, "reachable")
                self.wait_for(agent, "reachable")
                self.expect(ask("known"), container, "late", **{"service.name": "late"})
                shell.stdin.close()


if __name__ == "__main__":
    case_report.main("kubelet_test")
