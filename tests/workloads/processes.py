"""Starts programs for the demo and the tests, and stops exactly what was started."""

import ctypes
import os
import pathlib
import random
import signal
import socket
import subprocess
import time

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class StartError(Exception):
    """A program did not come up; the message says which, and shows the end of its log."""


_handed_out = set()  # by free_port()


def free_port():
    """A TCP port that is free now, that this process was never given, and that no outgoing connection will take:
    below the range that the kernel picks those from."""
    range_file = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")
    lowest_ephemeral = int(range_file.read_text(encoding="ascii").split()[0])
    for _ in range(1000):
        port = random.randrange(10000, max(lowest_ephemeral, 11000))
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
        if port not in _handed_out:
            _handed_out.add(port)
            return port
    raise RuntimeError("no free port found")


def listens(port):
    """Whether somebody accepts connections on a TCP port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def start_time(pid):
    """When a process started, in clock ticks: with the pid, its identity. None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            return int(stat.read().rpartition(")")[2].split()[19])
    except (OSError, IndexError):
        return None


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False


def wait_until(condition, seconds, interval=0.05):
    """The first true answer of `condition`, or its last one when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer or time.monotonic() >= deadline:
            return answer
        time.sleep(interval)


def log_end(path, lines=15):
    try:
        with open(path, encoding="utf-8", errors="replace") as log:
            return "".join("    " + line for line in log.readlines()[-lines:])
    except OSError:
        return ""


class Program:
    """A running program with a process group of its own, so that its workers go with it."""

    def __init__(self, name, command, log_path, environment=None, cwd=None, outlive_parent=False,
                 pass_fds=()):
        self.name = name
        self.log_path = log_path

        def tie_to_parent():
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

        with open(log_path, "ab") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **(environment or {})}, cwd=cwd, start_new_session=True,
                pass_fds=pass_fds,
                preexec_fn=None if outlive_parent else tie_to_parent)
        self.identity = {"name": name, "pid": self.pid, "start_time": start_time(self.pid)}

    @property
    def pid(self):
        return self.process.pid

    def is_alive(self):
        return self.process.poll() is None

    def wait_for(self, condition, what, seconds=30):
        """Waits until `condition` holds; a StartError when the program ends first, or time does."""
        if wait_until(lambda: condition() or not self.is_alive(), seconds) and self.is_alive():
            return
        state = "is not ready" if self.is_alive() else f"ended with {self.process.returncode}"
        raise StartError(f"{self.name} {state} ({what}); the end of {self.log_path}:\n"
                         f"{log_end(self.log_path)}")

    def stop(self, seconds=15):
        """SIGTERM, and SIGKILL to what is left of its group after `seconds`. The exit status."""
        if self.is_alive():
            self.process.terminate()
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = None
        self._kill_group()
        return self.process.wait() if status is None else status

    def kill(self):
        self.process.kill()
        return self.process.wait()

    def _kill_group(self):
        # The leader is a child that was started here: its group id cannot be somebody else's while
        # a member of it is alive.
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def stop_identities(identities, seconds=15):
    """Stops programs by what another process recorded of them; leaves reused pids alone."""
    for each in identities:
        pid = each["pid"]
        if each["start_time"] is None or start_time(pid) != each["start_time"]:
            continue
        try:
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: not is_running(pid), seconds)
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
