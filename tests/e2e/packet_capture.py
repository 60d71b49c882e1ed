"""tshark on the loopback interface: what HTTP/2 header fields really went over a connection."""

import collections
import pathlib
import signal
import subprocess

from processes import wait_until


class Capture:
    """Records the packets of one TCP port from its construction on."""

    def __init__(self, path, port):
        self._path = pathlib.Path(path)
        self._port = port
        self._log = self._path.with_suffix(".log")
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                ["tshark", "-i", "lo", "-f", f"tcp port {port}", "-B", "64", "-w", self._path],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        # It says so before its child has opened the interface; the file is there after that.
        if not wait_until(lambda: b"Capturing on" in self._log.read_bytes() and self._path.exists()
                          and self._path.stat().st_size > 0, 20):
            raise RuntimeError(f"tshark does not capture: {self._log.read_text(errors='replace')}")

    def stop(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def headers(self, requests, seconds_max=10):
        """{field name: {value: count}} of all header blocks, once there are that many requests."""
        found = {}

        def is_all_there():
            nonlocal found
            found = self._read()
            return sum(found[":path"].values()) >= requests
        wait_until(is_all_there, seconds_max, 0.5)
        self.stop()
        return self._read()

    def _read(self):
        output = subprocess.run(
            ["tshark", "-r", self._path, "-d", f"tcp.port=={self._port},http2", "-Y", "http2.header",
             "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=|", "-e", "http2.header.name",
             "-e", "http2.header.value"], check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, timeout=60).stdout
        found = collections.defaultdict(collections.Counter)
        for line in output.splitlines():
            names, _, values = line.partition("\t")
            for name, value in zip(names.split("|"), values.split("|"), strict=True):
                found[name][value] += 1
        return found
