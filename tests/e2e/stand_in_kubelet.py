"""What a kubelet answers to GET /pods, over HTTPS with a bearer token, on a port of 127.0.0.1. It is slow, forbids,
or is gone when the test says so. Pods are whatever the test puts in."""

import http.server
import json
import ssl
import threading
import time


def pod(name, container, namespace="shop", owner=None, labels=None, annotations=None, image="shop/app:1.2",
        node="node-e2e", ip="10.20.30.40"):
    """As the API has it, running in `container` (cgroups.Container)."""
    metadata = {"name": name, "namespace": namespace, "uid": container.pod_uid,
                "creationTimestamp": "2026-01-02T03:04:05Z", "labels": labels or {},
                "annotations": annotations or {}}
    if owner:
        metadata["ownerReferences"] = [{"apiVersion": "apps/v1", "kind": owner[0], "name": owner[1],
                                        "uid": f"uid-of-{owner[1]}", "controller": True}]
    return {"metadata": metadata,
            "spec": {"nodeName": node, "containers": [{"name": "app", "image": image}]},
            "status": {"phase": "Running", "startTime": "2026-01-02T03:04:06Z", "podIP": ip, "podIPs": [{"ip": ip}],
                       "containerStatuses": [{
                           "name": "app", "restartCount": 0, "image": image, "imageID": "sha256:" + "1" * 64,
                           "containerID": f"containerd://{container.id}", "lastState": {},
                           "state": {"running": {"startedAt": "2026-01-02T03:04:07Z"}}}]}}


class StandInKubelet:
    """A context manager; may be left and entered again, on the same port."""

    def __init__(self, authority, port, token):
        self.certificate, self.key = authority.sign("kubelet")
        self.port = port
        self.token = token
        self.pods = {}  # by name
        self.status = 200
        self.delay = 0.0
        self.requests = []  # when (monotonic), status
        self._lock = threading.Lock()
        self._server = None

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def put(self, thing):
        with self._lock:
            self.pods[thing["metadata"]["name"]] = thing

    def remove(self, name):
        with self._lock:
            del self.pods[name]

    def __enter__(self):
        kubelet = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

            def do_GET(self):  # pylint: disable=invalid-name
                kubelet.answer(self)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def finish_request(self, request, client_address):
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(kubelet.certificate, kubelet.key)
                super().finish_request(context.wrap_socket(request, server_side=True), client_address)

            def handle_error(self, *_):
                pass

        self._server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def answer(self, handler):
        if self.delay:
            time.sleep(self.delay)
        with self._lock:
            right = handler.headers.get("Authorization") == f"Bearer {self.token}"
            status = self.status if right else 401
            if handler.path != "/pods":
                status = 404
            body = json.dumps({"kind": "PodList", "apiVersion": "v1", "metadata": {},
                               "items": list(self.pods.values())} if status == 200 else {}).encode()
            self.requests.append((time.monotonic(), status))
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        # Each request is a connection of its own: one that is left open would outlive __exit__.
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = True
