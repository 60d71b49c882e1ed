"""The Kubernetes node of `rig`, for tests: images, static pods, what the kubelet says of them, and requests to them."""

import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent / "workloads"))
from local_image import Layer, write_image  # noqa: E402
from processes import wait_until  # noqa: E402

RIG = FOLDER / "rig"
PLACE = pathlib.Path(os.environ.get("KERNSPAN_RIG", "/run/kernspan-rig"))
NAMESPACE = "/run/netns/kernspan-rig"
NEEDED = ("containerd", "runc", "ctr", "busybox", "openssl", "curl", "ip", "nsenter", "jq")
NODE_NAME = "kernspan-node"
START_SECONDS_MAX = 60
PR_SET_CHILD_SUBREAPER = 36
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def missing():
    """What this machine lacks for a node."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    lacking = [name for name in NEEDED if not shutil.which(name, path=path)]
    lacking += [str(file) for file in (pathlib.Path("/usr/lib/cni/bridge"), pathlib.Path("/usr/lib/go-1.19/bin/go"))
                if not file.exists()]
    return lacking


@contextlib.contextmanager
def in_node():
    """What this thread connects is in the node's network."""
    with open("/proc/thread-self/ns/net", encoding="ascii") as own, open(NAMESPACE, encoding="ascii") as nodes:
        _enter(nodes)
        try:
            yield
        finally:
            _enter(own)


def _enter(namespace):
    if _libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def get(port, path, host="127.0.0.1", timeout=10):
    """(status, body) of a request from the node to one of its addresses."""
    with in_node():
        connection = http.client.HTTPConnection(host, port, timeout=timeout)
        connection.connect()
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def run_rig(*words, **environment):
    done = subprocess.run([RIG, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, env={**os.environ, **environment}, check=False)
    if done.returncode:
        raise RuntimeError(f"rig {' '.join(map(str, words))} ended with {done.returncode}:\n{done.stdout}")


class Node:
    """A node that is up, for the life of this object; one at a time."""

    def __init__(self, **environment):
        # The node's processes become this one's when their parents end, and are reaped at the end: not
        # every machine's init does that.
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
        self._environment = environment
        run_rig("down")
        run_rig("up", **environment)
        self.pods = PodWatch()

    def close(self):
        self.pods.close()
        run_rig("down")
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass

    def image(self, name, programs=(), copies=(), texts=None, argv=()):
        """Makes an image of this machine's programs and files, and gives it to the node: localhost/NAME:1."""
        layer = Layer()
        for program in programs:
            layer.program(program)
        for source, place in copies:
            layer.copy(source, place)
        for place, text in (texts or {}).items():
            layer.text(place, text)
        archive = PLACE / f"{name}.tar"
        write_image(archive, f"localhost/{name}:1", layer, argv)
        run_rig("import", archive)
        archive.unlink()

    def start(self, manifest):
        """A static pod; the kubelet sees a file when it is whole."""
        name = manifest["metadata"]["name"]
        draft = PLACE / f"{name}.json"
        draft.write_text(json.dumps(manifest), encoding="utf-8")
        draft.rename(PLACE / "manifests" / draft.name)

    def delete(self, name):
        (PLACE / "manifests" / f"{name}.json").unlink()

    def kubelet(self, what):
        run_rig("kubelet", what, **self._environment)

    def log_of(self, pod, container):
        """What a container has printed, all its runs."""
        return "".join(file.read_text(encoding="utf-8", errors="replace") for file in sorted(
            (PLACE / "log" / "pods").glob(f"*_{pod}-{NODE_NAME}_*/{container}/*.log")))


class PodWatch:
    """All that the kubelet's /pods has said, and when: asked five times a second."""

    def __init__(self):
        self._lock = threading.Lock()
        self._runs = {}   # container id: (pod, status of the container), the last that was said
        self._pods = {}   # name of the manifest: pod
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def close(self):
        self._stop.set()
        self._thread.join()

    def _watch(self):
        while not self._stop.wait(0.2):
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                self._take(json.loads(get(10255, "/pods")[1]))

    def _take(self, pods):
        items = pods.get("items") or ()
        with self._lock:
            self._pods = {pod["metadata"]["name"].removesuffix("-" + NODE_NAME): pod for pod in items}
            for pod in items:
                status = pod.get("status", {})
                for kind in ("containerStatuses", "initContainerStatuses"):
                    for container in status.get(kind, ()):
                        if container.get("containerID"):
                            self._runs[container["containerID"].rpartition("/")[2]] = (pod, container)

    def listed(self, name):
        """The pod of a manifest as it is listed now, or None."""
        with self._lock:
            return self._pods.get(name)

    def run(self, container_id):
        """(pod, container status) when this run was last the container's current one, or None."""
        with self._lock:
            return self._runs.get(container_id)

    def run_ids(self, name):
        """Of a manifest's pod: the ids of all container runs that were ever listed."""
        with self._lock:
            return {run for run, (pod, _) in self._runs.items()
                    if pod["metadata"]["name"] == f"{name}-{NODE_NAME}"}

    def wait(self, name, condition=lambda pod: pod["status"].get("phase") == "Running"):
        pod = wait_until(lambda: (found := self.listed(name)) and condition(found) and found, START_SECONDS_MAX, 0.1)
        if not pod:
            raise RuntimeError(f"pod {name}: {json.dumps(self.listed(name))}")
        return pod


def wait_for_answer(port, path, host="127.0.0.1"):
    """Asks until somebody listens; the first answer is to the first request. Its (status, body)."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            return get(port, path, host)
        except ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
