"""A node with as many pods as one likes: their cgroups, clients that live for milliseconds in them, and what
a kubelet would say of them at /pods. The kubelet alone is a stand-in: the real one starts a few pods a
second, and 1,000 do not fit a test machine."""

import collections
import hashlib
import http.server
import json
import ssl
import threading
import time
import uuid

from cgroups import NodeCgroups

NAMESPACES = ("shop", "payments", "search", "kube-system")
CONTAINER_NAMES = ("main", "worker", "proxy")
Pod = collections.namedtuple("Pod", "number name namespace uid deployment container containers")


def hashed(text, digits="bcdfghjklmnpqrstvwxz2456789"):
    """As Kubernetes' own suffixes: no vowels."""
    value = int(hashlib.sha256(text.encode()).hexdigest(), 16)
    return "".join(digits[value // len(digits) ** at % len(digits)] for at in range(10))


def expected_attributes(pod):
    """What every span of the pod's first container must say."""
    return {"k8s.pod.name": pod.name, "k8s.pod.uid": pod.uid, "k8s.namespace.name": pod.namespace,
            "k8s.deployment.name": pod.deployment, "k8s.container.name": CONTAINER_NAMES[0],
            "container.id": pod.container.id, "container.image.name": f"registry.local/{pod.deployment}",
            "kernspan.k8s.enrichment": None}


def listed(pod, now="2024-05-01T10:00:00Z"):
    """The pod as /pods has it: 9 KB, as usual ones."""
    pod_ip = f"10.{64 + pod.number // 65536 % 64}.{pod.number // 256 % 256}.{pod.number % 256}"

    def spec(name):
        return {"name": name, "image": f"registry.local/{pod.deployment}:1.{pod.number % 7}",
                "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                "env": [{"name": f"SETTING_{number}", "value": f"value-{number}" * 3}
                        for number in range(16)]
                + [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
                "resources": {"limits": {"memory": "256Mi"}, "requests": {"cpu": "100m"}},
                "volumeMounts": [{"name": f"volume-{number}", "mountPath": f"/mnt/{number}",
                                  "readOnly": True} for number in range(4)],
                "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"},
                                  "timeoutSeconds": 1, "periodSeconds": 10, "failureThreshold": 3},
                "terminationMessagePath": "/dev/termination-log", "imagePullPolicy": "IfNotPresent"}

    def status(name, container_id):
        return {"name": name, "state": {"running": {"startedAt": now}}, "lastState": {}, "ready": True,
                "restartCount": 0, "image": f"registry.local/{pod.deployment}:1.{pod.number % 7}",
                "imageID": f"registry.local/{pod.deployment}@sha256:"
                           f"{hashlib.sha256(pod.deployment.encode()).hexdigest()}",
                "containerID": f"containerd://{container_id}", "started": True}
    return {
        "metadata": {
            "name": pod.name, "generateName": pod.name.rpartition("-")[0] + "-",
            "namespace": pod.namespace, "uid": pod.uid, "resourceVersion": str(100000 + pod.number),
            "creationTimestamp": now,
            "labels": {"app.kubernetes.io/name": pod.deployment, "app.kubernetes.io/part-of": "shop",
                       "pod-template-hash": pod.name.split("-")[-2]},
            "annotations": {"kubernetes.io/config.seen": now, "kubernetes.io/config.source": "api",
                            "checksum/config": hashlib.sha256(pod.name.encode()).hexdigest()},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "controller": True,
                                 "name": pod.name.rpartition("-")[0], "blockOwnerDeletion": True,
                                 "uid": str(uuid.uuid5(uuid.NAMESPACE_URL, pod.deployment))}],
            "managedFields": [{"manager": "kube-controller-manager", "operation": "Update",
                               "apiVersion": "v1", "time": now, "fieldsType": "FieldsV1",
                               "fieldsV1": {"f:spec": {f"f:field{number}": {} for number in range(60)}}}]},
        "spec": {
            "volumes": [{"name": f"volume-{number}", "configMap": {"name": f"config-{number}",
                                                                   "defaultMode": 420}}
                        for number in range(4)],
            "containers": [spec(name) for name in CONTAINER_NAMES[:len(pod.containers)]],
            "restartPolicy": "Always", "terminationGracePeriodSeconds": 30,
            "serviceAccountName": "default", "nodeName": "test-node", "priority": 0,
            "tolerations": [{"key": f"node.kubernetes.io/{what}", "operator": "Exists",
                             "effect": "NoExecute", "tolerationSeconds": 300}
                            for what in ("not-ready", "unreachable")]},
        "status": {
            "phase": "Running", "hostIP": "192.0.2.1", "podIP": pod_ip, "podIPs": [{"ip": pod_ip}],
            "startTime": now, "qosClass": "Burstable",
            "conditions": [{"type": kind, "status": "True", "lastProbeTime": None,
                            "lastTransitionTime": now}
                           for kind in ("Initialized", "Ready", "ContainersReady", "PodScheduled")],
            "containerStatuses": [status(name, each.id)
                                  for name, each in zip(CONTAINER_NAMES, pod.containers)]}}


class StandInKubelet:
    """/pods over HTTPS with a token, on a free port of 127.0.0.1."""

    TOKEN = "the-service-account's"

    def __init__(self, folder, authority):
        certificate, key = authority.sign("kubelet")
        self.ca = authority.certificate
        self.token_file = folder / "token"
        self.token_file.write_text(self.TOKEN, encoding="ascii")
        self.asked = []  # when
        self.refused = 0
        self.sent_bytes = 0
        self._lock = threading.Lock()
        self._pods = {}  # uid -> JSON
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        kubelet = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

            def do_GET(self):  # pylint: disable=invalid-name
                kubelet.answer(self)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.endpoint = f"https://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, handler):
        if (handler.path.rstrip("/"), handler.headers.get("Authorization")) != (
                "/pods", f"Bearer {self.TOKEN}"):
            self.refused += 1
            return handler.send_error(403)
        with self._lock:
            self.asked.append(time.monotonic())
            items = ",".join(self._pods.values())
        body = ('{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[' + items
                + "]}\n").encode()
        self.sent_bytes = len(body)
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        return handler.wfile.write(body)

    def put(self, pod):
        text = json.dumps(listed(pod), separators=(",", ":"))
        with self._lock:
            self._pods[pod.uid] = text

    def remove(self, pod):
        with self._lock:
            del self._pods[pod.uid]

    def gaps(self):
        """Seconds from one request to the next."""
        return [after - before for before, after in zip(self.asked, self.asked[1:])]

    def config(self, wait):
        """A part of the agent's configuration."""
        # Other programs' spans would be measured, too.
        return (f"receivers:\n  ebpf:\n    include_executables: [curl, nginx]\n    kubernetes:\n"
                f"      endpoint: {self.endpoint}\n"
                f"      ca_file: {self.ca}\n      token_file: {self.token_file}\n"
                f"      enrichment_wait: {wait}\n")

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class PodNode:
    """Pods come and go; each has its sandbox's cgroup and those of one to three containers."""

    def __init__(self, kubelet):
        self.kubelet = kubelet
        self.cgroups = NodeCgroups()
        self.pods = collections.deque()
        self.made = 0

    def start_pod(self):
        number, self.made = self.made, self.made + 1
        deployment = f"service-{number % 40}"
        name = f"{deployment}-{hashed(deployment)[:9]}-{hashed(f'pod {number}')[:5]}"
        containers = [self.cgroups.container(f"pod {number} {part}", pod=f"pod {number}")
                      for part in ("sandbox", *CONTAINER_NAMES[:1 + number % 3])]
        pod = Pod(number, name, NAMESPACES[number % len(NAMESPACES)], containers[0].pod_uid, deployment,
                  containers[1], containers[1:])
        self.kubelet.put(pod)
        self.pods.append((pod, containers))
        return pod

    def end_oldest(self):
        pod, containers = self.pods.popleft()
        for container in containers:
            container.remove()
        self.kubelet.remove(pod)

    def close(self):
        self.cgroups.close()
