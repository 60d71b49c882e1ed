"""The agent as a pod on a real kubelet (see rig): the spans of uninstrumented programs in other pods say what the
kubelet's /pods says, from the first request on, through restarts, deletions, and a kubelet that is away."""

import contextlib
import itertools
import json
import pathlib
import subprocess
import sys
import threading
import time
import unittest

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent / "e2e"))
sys.path.insert(0, str(FOLDER))
import case_report  # noqa: E402
from live_case import bin_folder, require  # noqa: E402
from node import NODE_NAME, PLACE, Node, get, missing, wait_for_answer, wait_until  # noqa: E402
from otlp_lines import CLIENT, SERVER, read_spans  # noqa: E402
from pod_attributes import attributes_of, pods_part  # noqa: E402
from tiers import Metrics  # noqa: E402

WEB, NGINX, GO, METRICS = 8081, 8082, 8083, 8888
OUT = PLACE / "out"
SPANS_SECONDS_MAX = 30
CHOSEN_LABELS, CHOSEN_ANNOTATIONS = ("app.kubernetes.io/*", "tier"), ("example.com/owner",)  # as in AGENT_CONFIG
# docs/capabilities.md
CAPABILITIES = {"BPF": 39, "PERFMON": 38, "SYS_PTRACE": 19, "DAC_READ_SEARCH": 2}

AGENT_CONFIG = """
receivers:
  ebpf:
    kubernetes:
      endpoint: https://127.0.0.1:10250
      auth_type: tls
      ca_file: /pki/ca.crt
      cert_file: /pki/client.crt
      key_file: /pki/client.key
      extract:
        labels: [app.kubernetes.io/*, tier]
        annotations: [example.com/owner]
        use_labels_for_resource_attributes: true
exporters:
  file:
    path: /out/spans.jsonl
service:
  pipelines:
    traces: {receivers: [ebpf], exporters: [file]}
  telemetry:
    metrics:
      readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: 8888}}}}]
"""


def container(image, name="main", **more):
    return {"name": name, "image": f"localhost/{image}:1", "imagePullPolicy": "Never", **more}


def pod(name, *containers, labels=None, annotations=None, owner=None, namespace="shop", **spec):
    metadata = {"name": name, "namespace": namespace, "labels": labels or {}, "annotations": annotations or {}}
    if owner:
        metadata["ownerReferences"] = [{"apiVersion": "apps/v1", "kind": owner[0], "name": owner[1],
                                        "uid": "0b6d0b0f-5b1c-4d9f-8f0e-5a1f4e8d7c11", "controller": True}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata,
            "spec": {"hostNetwork": True, "terminationGracePeriodSeconds": 5, "containers": list(containers), **spec}}


def port(number, **environment):
    return {"env": [{"name": name, "value": value} for name, value in ({"PORT": str(number)} | environment).items()]}


def agent_pod():
    def mount(name, path, read_only=True):
        return {"name": name, "mountPath": path, "readOnly": read_only}

    def volume(name, path):
        return {"name": name, "hostPath": {"path": str(path)}}
    security = {"privileged": False, "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                "runAsUser": 0, "seccompProfile": {"type": "RuntimeDefault"},
                "capabilities": {"drop": ["ALL"], "add": list(CAPABILITIES)}}
    return pod("kernspan-agent", container(
        "agent", "agent", args=["--config", "/config/agent.yaml"], securityContext=security,
        volumeMounts=[mount("config", "/config"), mount("pki", "/pki"), mount("out", "/out", False)]),
        namespace="kernspan", hostPID=True,
        volumes=[volume("config", PLACE / "config"), volume("pki", PLACE / "pki"), volume("out", OUT)])


def build_images(node):
    node.image("agent", [bin_folder() / "kernspan-agent"], argv=[str(bin_folder() / "kernspan-agent")])
    node.image("python", ["/usr/bin/python3.11"],
               [("/usr/lib/python3.11", None), (FOLDER / "services" / "web.py", "/web.py")],
               argv=["/usr/bin/python3.11", "-B", "/web.py"])
    node.image("nginx", ["/usr/sbin/nginx"],
               [("/lib/x86_64-linux-gnu/libnss_files.so.2", None)],
               texts={"/etc/nginx/nginx.conf": (FOLDER / "services" / "nginx.conf").read_text(encoding="utf-8"),
                      "/etc/passwd": "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n",
                      "/etc/group": "root:x:0:\nnogroup:x:65534:\n"},
               argv=["/usr/sbin/nginx"])
    program = PLACE / "web-go"
    subprocess.run(["/usr/lib/go-1.19/bin/go", "build", "-o", program, FOLDER / "services" / "web.go"], check=True,
                   env={"PATH": "/usr/bin:/bin", "CGO_ENABLED": "0", "GO111MODULE": "off",
                        "GOCACHE": str(PLACE / "go-cache")})
    node.image("go", copies=[(program, "/web")], argv=["/web"])
    node.image("client", ["/bin/busybox"], argv=["/bin/busybox"])


def setUpModule():
    require()
    if missing():
        raise unittest.SkipTest("not installed: " + ", ".join(missing()))
    node = Node(KERNSPAN_RIG_ANONYMOUS="false")
    unittest.addModuleCleanup(node.close)
    build_images(node)
    PodsTest.node = node
    (PLACE / "config").mkdir()
    OUT.mkdir()
    (PLACE / "config" / "agent.yaml").write_text(AGENT_CONFIG, encoding="utf-8")
    node.start(agent_pod())
    if not wait_until(lambda: "is ready" in node.log_of("kernspan-agent", "agent"), 60, 0.2):
        raise RuntimeError("the agent's pod:\n" + node.log_of("kernspan-agent", "agent")
                           + json.dumps(node.pods.listed("kernspan-agent")))


class PodsTest(unittest.TestCase):
    node = None
    numbers = itertools.count()

    def start(self, manifest):
        name = manifest["metadata"]["name"]
        self.node.start(manifest)
        self.addCleanup(lambda: (PLACE / "manifests" / f"{name}.json").exists() and self.node.delete(name))

    def path(self, what):
        return f"/{what}/{next(self.numbers)}"

    def spans(self, paths, kind=SERVER, count=None):
        """The spans of these requests; waits until all are there."""
        def found():
            spans = [span for span in read_spans(OUT / "spans.jsonl") if span.path in paths and span.kind == kind]
            return spans if len(spans) >= (count or len(paths)) else []
        return wait_until(found, SPANS_SECONDS_MAX, 0.2) or self.fail(
            f"{kind} spans of {paths} are missing; the agent:\n{self.node.log_of('kernspan-agent', 'agent')}")

    def check(self, span, name, **must):
        """That the span is of this pod, and says all that /pods says, and nothing else; of that what must be there."""
        run_id = span.resource.get("container.id")
        run = wait_until(lambda: self.node.pods.run(run_id), 10, 0.2)
        self.assertTrue(run, f"{span.path}: no container of any pod: {span.resource}")
        wanted = attributes_of(*run, CHOSEN_LABELS, CHOSEN_ANNOTATIONS)
        self.assertEqual(wanted["k8s.pod.name"], f"{name}-{NODE_NAME}", span.resource)
        self.assertEqual(pods_part(span.resource), wanted)
        must = {key.replace("_", "."): value for key, value in must.items()}
        self.assertEqual({key: wanted.get(key) for key in must}, must)
        return run_id

    def status_of(self, container_id):
        """/proc/PID/status of the process that a container runs."""
        for path in pathlib.Path("/proc").glob("[0-9]*/cgroup"):
            with contextlib.suppress(OSError):
                if container_id in path.read_text(encoding="utf-8"):
                    lines = (path.parent / "status").read_text(encoding="utf-8").splitlines()
                    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}
        self.fail(f"no process is in container {container_id}")

    def agent_metrics(self):
        return Metrics(get(METRICS, "/metrics")[1].decode())

    def test_first_requests_and_what_they_cause(self):
        """Three programs, each asked as soon as it listens; nginx asks the Python one."""
        self.start(pod("web-7d4b9c6f5d-x2x7k", container("python", "server", **port(WEB)),
                       labels={"app.kubernetes.io/name": "storefront", "app.kubernetes.io/version": "4.2",
                               "tier": "", "other": "x", "pod-template-hash": "7d4b9c6f5d"},
                       annotations={"example.com/owner": "team-a", "example.com/other": "x",
                                    "resource.opentelemetry.io/deployment.environment.name": "test"},
                       owner=("ReplicaSet", "web-7d4b9c6f5d")))
        first = self.path("first")
        self.assertEqual(wait_for_answer(WEB, first)[0], 200)
        self.start(pod("front", container("nginx", "nginx"), owner=("DaemonSet", "front"),
                       labels={"app.kubernetes.io/name": "not-this"},
                       annotations={f"resource.opentelemetry.io/service.{key}": f"annotated-{key}"
                                    for key in ("name", "namespace", "version", "instance.id")}))
        through = self.path("through")
        self.assertEqual(wait_for_answer(NGINX, through)[0], 200)
        self.start(pod("go-0", container("go", "go", **port(
            GO, OTEL_SERVICE_NAME="by-environment",
            OTEL_RESOURCE_ATTRIBUTES="service.name=not-this,service.version=7,team=blue")),
            owner=("StatefulSet", "go"), annotations={"resource.opentelemetry.io/team": "not-this",
                                                      "resource.opentelemetry.io/service.name": "not-this"}))
        to_go = self.path("go")
        self.assertEqual(wait_for_answer(GO, to_go)[0], 200)

        self.check(self.spans([first])[0], "web-7d4b9c6f5d-x2x7k", service_name="storefront", service_version="4.2",
                   k8s_deployment_name="web", k8s_pod_label_tier="")
        self.check(self.spans([to_go])[0], "go-0", service_name="by-environment", service_version="7", team="blue",
                   k8s_statefulset_name="go")
        names = {span.resource.get("k8s.pod.name"): span for span in self.spans([through], SERVER, 2)}
        for name in ("front", "web-7d4b9c6f5d-x2x7k"):
            self.check(names[f"{name}-{NODE_NAME}"], name)
        # The test's own call is another.
        call = next(span for span in self.spans([through], CLIENT, 2) if "container.id" in span.resource)
        self.check(call, "front", service_name="annotated-name", service_instance_id="annotated-instance.id",
                   k8s_daemonset_name="front")
        server = names[f"web-7d4b9c6f5d-x2x7k-{NODE_NAME}"]
        self.assertEqual((server.trace, server.parent), (call.trace, call.id))

    def test_pods_that_live_for_one_request(self):
        self.start(pod("one-web", container("python", "server", **port(WEB + 10))))
        self.assertEqual(wait_for_answer(WEB + 10, self.path("ready"))[0], 200)
        paths = {f"once-{number}": self.path("once") for number in range(6)}
        # A Job by hand, and one of a CronJob: those have the minute that they were for in their names.
        jobs = {"once-0": "by-hand", "once-1": f"nightly-{int(time.time() // 60)}"}
        for name, path in paths.items():
            self.start(pod(name, container("client", "caller", args=[
                "wget", "-q", "-O", "-", f"http://127.0.0.1:{WEB + 10}{path}"]),
                restartPolicy="Never", hostNetwork=True, owner=("Job", jobs[name]) if name in jobs else None))
        services = {"once-0": "by-hand", "once-1": "nightly"}
        calls = {span.path: span for span in self.spans(list(paths.values()), CLIENT)}
        for name, path in paths.items():
            self.check(calls[path], name, service_name=services.get(name, f"{name}-{NODE_NAME}"),
                       service_version="1")
        for span in self.spans(list(paths.values())):
            self.check(span, "one-web")

    def test_pod_with_a_network_of_its_own(self):
        self.start(pod("networked", container("python", "server", **port(WEB)), hostNetwork=False))
        address = self.node.pods.wait("networked", lambda its: its["status"].get("podIP"))["status"]["podIP"]
        path = self.path("networked")
        self.assertEqual(wait_for_answer(WEB, path, address)[0], 200)
        served = self.spans([path])[0]
        self.check(served, "networked", k8s_pod_ip=address)
        # What the caller, which is in no pod, is told of whom it called.
        call = self.spans([path], CLIENT)[0]
        self.assertEqual([call.attributes.get(f"service.peer.{key}") for key in ("name", "namespace")],
                         [served.resource[f"service.{key}"] for key in ("name", "namespace")])

    def test_restarted_container(self):
        self.start(pod("restarted", container("python", "server", **port(WEB + 20))))
        paths = [self.path("before"), self.path("exit"), self.path("after")]
        self.assertEqual(wait_for_answer(WEB + 20, paths[0])[0], 200)
        self.assertEqual(get(WEB + 20, paths[1])[0], 200)
        self.assertEqual(wait_for_answer(WEB + 20, paths[2])[0], 200)
        spans = {span.path: span for span in self.spans(paths)}
        runs = [self.check(spans[path], "restarted") for path in paths]
        self.assertEqual(runs[0], runs[1])
        self.assertNotEqual(runs[1], runs[2])
        self.assertEqual([spans[path].resource["k8s.container.restart_count"] for path in paths], [0, 0, 1])

    def test_deleted_while_it_answers(self):
        # A pod of the node's own that has no volume is killed by the kubelet's next sweep, whatever its grace period.
        self.start(pod("deleted", container("python", "server", volumeMounts=[{"name": "some", "mountPath": "/some"}],
                                            **port(WEB + 30)),
                       volumes=[{"name": "some", "emptyDir": {}}]))
        ready = self.path("ready")
        self.assertEqual(wait_for_answer(WEB + 30, ready)[0], 200)
        self.check(self.spans([ready])[0], "deleted")
        slow = f"/sleep/2/{next(self.numbers)}"
        answers = []
        asking = threading.Thread(target=lambda: answers.append(get(WEB + 30, slow)[0]))
        asking.start()
        time.sleep(0.5)  # it is being served
        self.node.delete("deleted")
        self.assertTrue(wait_until(lambda: not self.node.pods.listed("deleted"), 20, 0.1))
        asking.join()
        self.assertEqual(answers, [200])
        self.check(self.spans([slow])[0], "deleted")

    def test_kubelet_away(self):
        """Known pods keep their names. A pod that starts afterwards has its own from the first request."""
        self.start(pod("steady", container("python", "server", **port(WEB + 40))))
        ready = self.path("ready")
        self.assertEqual(wait_for_answer(WEB + 40, ready)[0], 200)
        self.check(self.spans([ready])[0], "steady")
        self.node.kubelet("stop")
        self.addCleanup(self.node.kubelet, "start")
        without = self.path("without")
        self.assertEqual(get(WEB + 40, without)[0], 200)
        self.check(self.spans([without])[0], "steady")
        self.node.kubelet("start")
        self.start(pod("late", container("python", "server", **port(WEB + 41))))
        late = self.path("late")
        self.assertEqual(wait_for_answer(WEB + 41, late)[0], 200)
        self.check(self.spans([late])[0], "late")

    def test_the_agent_has_no_more_than_it_needs(self):
        agent = self.node.pods.wait("kernspan-agent")
        self.assertEqual(agent["status"]["containerStatuses"][0]["restartCount"], 0)
        status = self.status_of(agent["status"]["containerStatuses"][0]["containerID"].rpartition("/")[2])
        self.assertEqual(int(status["CapEff"], 16), sum(1 << number for number in CAPABILITIES.values()))
        self.assertEqual(status["Seccomp"], "2")  # a filter
        log = self.node.log_of("kernspan-agent", "agent")
        self.assertNotIn("is missing", log)
        self.assertNotIn("could not be attached", log)
        self.assertEqual(self.agent_metrics().unbalanced(), {})


if __name__ == "__main__":
    case_report.main("real_kubelet_test")
