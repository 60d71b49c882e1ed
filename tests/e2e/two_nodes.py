"""Two nodes on one machine: network namespaces without names, which go when their last process does, and
the last of its connections.

    node a 10.78.0.1, fd78::1 ---- packet_link.py (delay, reordering, loss) ---- 10.78.0.2, fd78::2 node b
         \\ 10.N.1.2                                                                    10.N.2.2 /
          `-------------------- veth, this machine's 10.N.1.1, 10.N.2.1 --------------------'

Services of the two call each other over the link; agents reach their gateways over the veths."""

import contextlib
import ctypes
import fcntl
import json
import os
import pathlib
import struct
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "workloads"))
from processes import Program  # noqa: E402
from stack import Place  # noqa: E402

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def _own_namespace():
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _new_namespace():
    """A descriptor of a new network namespace, made in a thread that ends at once."""
    made = []

    def make():
        try:
            _check(_libc.unshare(CLONE_NEWNET), "unshare")
            made.append(_own_namespace())
        except OSError as error:
            made.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise made[0]
    return made[0]


class Node:
    """One node. `host` and `host_v6` are its addresses towards the other one."""

    def __init__(self, number):
        self.host = f"10.78.0.{number}"
        self.host_v6 = f"fd78::{number}"
        # One that was killed may still be there for a while, with its addresses.
        subnet = f"10.{128 + os.getpid() % 64}.{number}"
        self.machine = f"{subnet}.1"
        self._namespace = _new_namespace()
        self.tun = -1
        self._veth = f"ks{os.getpid()}n{number}"
        self._ip(f"link add {self._veth} type veth peer name uplink netns /proc/self/fd/{self._namespace}",
                 pass_fds=[self._namespace])
        with self.inside():
            self._ip("link set lo up")
            self._ip(f"addr add {subnet}.2/24 dev uplink")
            self._ip("link set uplink up")
            self.tun = self._open_tun("nodes")
            self._ip(f"addr add {self.host}/24 dev nodes")
            self._ip(f"addr add {self.host_v6}/64 dev nodes nodad")
            self._ip("link set nodes mtu 1500 up")
        self._ip(f"addr add {self.machine}/24 dev {self._veth}")
        self._ip(f"link set {self._veth} up")
        with self.inside():
            self._ip(f"route add default via {self.machine}")

    @staticmethod
    def _ip(arguments, pass_fds=()):
        subprocess.run(["/usr/sbin/ip", *arguments.split()], check=True, pass_fds=pass_fds)

    @staticmethod
    def _open_tun(name):
        tun = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
        return tun

    @contextlib.contextmanager
    def inside(self):
        """This thread's sockets, and the programs that it starts, are the node's."""
        home = _own_namespace()
        try:
            _check(_libc.setns(self._namespace, CLONE_NEWNET), "setns")
            yield
        finally:
            _check(_libc.setns(home, CLONE_NEWNET), "setns")
            os.close(home)

    def place(self, bind=None, host=None):
        """Where a service of this node runs."""
        place = Place(bind or host or self.host, host or self.host)
        place.inside = self.inside
        return place

    def close(self):
        self._ip(f"link del {self._veth}")
        os.close(self.tun)
        os.close(self._namespace)


class TwoNodes:
    """Both nodes, and the link between them. A context manager."""

    def __init__(self, folder, **link_options):
        self.a, self.b = Node(1), Node(2)
        self.log = pathlib.Path(folder) / "link.log"
        options = [f"--{name.replace('_', '-')}={value}" for name, value in link_options.items()]
        ends = (self.a.tun, self.b.tun)
        self._link = Program(
            "packet_link", ["/usr/bin/python3", "-B", pathlib.Path(__file__).with_name("packet_link.py"),
                            *ends, *options], self.log, pass_fds=ends)

    def stop(self):
        """Ends the link, and the nodes if nothing runs there any more; what the link did."""
        self._link.stop()
        self.a.close()
        self.b.close()
        return json.loads(self.log.read_text().splitlines()[-1])
