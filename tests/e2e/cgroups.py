"""Containers as kubelets and runtimes make them, without either: cgroups with their names, and programs
that join these before they start, as runc's children do."""

import contextlib
import hashlib
import os
import pathlib
import subprocess
import time
import uuid

# cpuset's cgroups take no process before they were given processors.
CONTROLLERS = ("memory", "pids", "cpu", "cpuacct", "devices", "freezer", "name=systemd")
JOIN = ('while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs" || exit 125; shift; done; shift; '
        'exec "$@"')


def hierarchies():
    """The mount points: of the v1 hierarchies that runtimes use, else of v2."""
    found, unified = {}, None
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        for line in mounts:
            place, _, kind = line.partition(" - ")
            kind = kind.split()
            at = place.split()[4]
            if kind[0] == "cgroup2":
                unified = at
            elif kind[0] == "cgroup":
                for controller in kind[2].split(","):
                    if controller in CONTROLLERS:
                        found.setdefault(at, controller)
    return sorted(found) or [unified]


class Container:
    def __init__(self, pod_uid, container_id, folders):
        self.pod_uid = pod_uid
        self.id = container_id
        self.folders = folders

    def command(self, *program):
        """Joins the container, then runs the program in the same process."""
        return ["/bin/sh", "-c", JOIN, "join", *map(str, self.folders), "--", *program]

    def run(self, *program):
        subprocess.run(self.command(*program), check=True, timeout=60, stdout=subprocess.DEVNULL)

    def join(self, pid):
        for folder in self.folders:
            (folder / "cgroup.procs").write_text(str(pid), encoding="ascii")

    def remove(self):
        """As the kubelet does with a pod that has ended."""
        for folder in self.folders:
            remove(folder)
            with contextlib.suppress(OSError):  # other containers of the pod
                folder.parent.rmdir()


def remove(folder):
    """A process that has ended leaves its cgroup a moment later."""
    for _ in range(200):
        try:
            return folder.rmdir()
        except FileNotFoundError:
            return None
        except OSError:
            time.sleep(0.05)
    return folder.rmdir()


class NodeCgroups:
    """Below a cgroup root of its own, as `cgroupRoot` of the kubelet's configuration."""

    def __init__(self):
        self.name = f"kernspan-test-{os.getpid()}"
        self.roots = [pathlib.Path(at) / self.name for at in hierarchies()]

    def container(self, name, pod=None, quality="burstable"):
        """Ids come from names, so that a test can say them again."""
        pod_uid = str(uuid.uuid5(uuid.NAMESPACE_URL, pod or f"pod-{name}"))
        container_id = hashlib.sha256(name.encode()).hexdigest()
        folders = [root / "kubepods" / quality / f"pod{pod_uid}" / container_id
                   for root in self.roots]
        for folder in folders:
            folder.mkdir(parents=True)
        return Container(pod_uid, container_id, folders)

    def close(self):
        for root in self.roots:
            for folder, _, _ in os.walk(root, topdown=False):
                remove(pathlib.Path(folder))
