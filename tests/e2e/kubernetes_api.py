"""As much of a Kubernetes API server as lists and watches need, over HTTPS on a free port of 127.0.0.1. Objects are
whatever the test puts in."""

import http.server
import json
import ssl
import threading
import urllib.parse


class KubernetesApi:
    """A context manager. `folder` is for certificates and the kubeconfig."""

    TOKEN = "the-token"

    def __init__(self, folder, authority):
        self._changed = threading.Condition()
        self._collections = {}  # path -> {name: object}
        self._events = {}  # path -> [(version, line)]
        self._version = 100
        self.requests = []
        certificate, key = authority.sign("kubernetes")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

            def do_GET(self):  # pylint: disable=invalid-name
                api.answer(self)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {
                "server": f"https://127.0.0.1:{self.port}",
                "certificate-authority": str(authority.certificate)}}],
            "users": [{"name": "u", "user": {"token": self.TOKEN}}]}), encoding="utf-8")
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def put(self, path, thing):
        with self._changed:
            self._version += 1
            thing["metadata"]["resourceVersion"] = str(self._version)
            known = self._collections.setdefault(path, {})
            kind = "MODIFIED" if thing["metadata"]["name"] in known else "ADDED"
            known[thing["metadata"]["name"]] = thing
            self._add_event(path, kind, thing)

    def remove(self, path, name):
        with self._changed:
            self._version += 1
            self._add_event(path, "DELETED", self._collections[path].pop(name))

    def _add_event(self, path, kind, thing):
        thing = {**thing, "metadata": {**thing["metadata"], "resourceVersion": str(self._version)}}
        line = json.dumps({"type": kind, "object": thing}) + "\n"
        self._events.setdefault(path, []).append((self._version, line))
        self._changed.notify_all()

    def answer(self, handler):
        with self._changed:
            self.requests.append(handler.path)
        if handler.headers.get("Authorization") != f"Bearer {self.TOKEN}":
            return self._send(handler, 401, {"kind": "Status", "message": "Unauthorized"})
        url = urllib.parse.urlsplit(handler.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if query.get("watch") == "1":
            return self._watch(handler, url.path, int(query["resourceVersion"]))
        with self._changed:
            items = list(self._collections.get(url.path, {}).values())
            body = {"kind": "List", "metadata": {"resourceVersion": str(self._version)},
                    "items": items}
        return self._send(handler, 200, body)

    @staticmethod
    def _send(handler, status, body):
        data = json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def _watch(self, handler, path, seen):
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        while True:
            with self._changed:
                new = [event for event in self._events.get(path, []) if event[0] > seen]
                if not new:
                    self._changed.wait(1)
                    continue
            for version, line in new:
                data = line.encode()
                handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
                handler.wfile.flush()
                seen = version
