"""OTLP/gRPC load of whole traces whose spans go to several endpoints, as behind one service.

As a program: trace_load.py ENDPOINTS SENDERS TRACES_PER_SECOND SPREAD_SECONDS SEED. The spans of a trace are sent
one by one within the spread, each to an endpoint of its own, and again to another one until they were
acknowledged. Prints a line per acknowledged span: trace id, span id, kind of the trace (see KINDS). When its
input ends, it begins no more traces, and ends when all spans were acknowledged."""

import heapq
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time

from otlp_load import EXPORT, _field

# kind -> (spans, whether one of them has an error)
KINDS = {"error": (4, True), "large": (6, False), "plain": (3, False)}
MAX_SPANS = 10  # of a request


class TraceLoad:
    """The program, running; see otlp_load.Load. A context manager."""

    def __init__(self, endpoints, senders=6, rate=60, spread=1.0, seed=0):
        self._output = tempfile.TemporaryFile()  # pylint: disable=consider-using-with
        self._process = subprocess.Popen(
            [sys.executable, "-B", pathlib.Path(__file__), ",".join(endpoints), str(senders), str(rate),
             str(spread), str(seed)], stdin=subprocess.PIPE, stdout=self._output,
            env={**os.environ, "GRPC_CLIENT_CHANNEL_BACKUP_POLL_INTERVAL_MS": "50"})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Waits until the traces that were begun are complete."""
        if self._process.poll() is None:
            self._process.stdin.close()
            self._process.wait(120)

    def traces(self):
        """What was acknowledged: kind -> trace id -> span ids."""
        with open(f"/proc/self/fd/{self._output.fileno()}", "rb") as lines:
            data = lines.read()
        traces = {kind: {} for kind in KINDS}
        for line in data[:data.rfind(b"\n") + 1].decode().splitlines():
            trace, span, kind = line.split()
            traces[kind].setdefault(trace, set()).add(span)
        return traces


def _encode(spans):
    now = time.time_ns()
    encoded = b""
    for trace, span, _, error in spans:
        status = _field(15, b"\x18\x02") if error else b""
        encoded += _field(2, _field(1, bytes.fromhex(trace)) + _field(2, bytes.fromhex(span)) +
                          _field(4, b"\x01" * 8) + _field(5, b"work") +
                          b"\x39" + now.to_bytes(8, "little") +
                          b"\x41" + (now + 1000).to_bytes(8, "little") + status)
    return _field(1, _field(2, encoded))


class _Spans:
    """Spans in the order in which they are due."""

    def __init__(self, rate, spread, seed):
        self._rate, self._spread = rate, spread
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._due = []
        self._next_trace = time.monotonic()
        self.ending = False

    def _begin_traces(self, now):
        while self._next_trace <= now and not self.ending:
            self._next_trace += 1 / self._rate
            trace = f"{self._random.getrandbits(128):032x}"
            kind = self._random.choice(list(KINDS))
            count, has_error = KINDS[kind]
            bad = self._random.randrange(count)
            for number in range(count):
                span = f"{self._random.getrandbits(64):016x}"
                heapq.heappush(self._due, (now + self._random.uniform(0, self._spread), trace, span,
                                           kind, has_error and number == bad))

    def take(self):
        """A few that are due; None at the end."""
        with self._lock:
            now = time.monotonic()
            self._begin_traces(now)
            taken = []
            while self._due and self._due[0][0] <= now and len(taken) < MAX_SPANS:
                taken.append(heapq.heappop(self._due)[1:])
            if not taken and self.ending and not self._due:
                return None
            return taken


def _send(spans, endpoints, seed, output):
    import grpc  # pylint: disable=import-outside-toplevel
    choice = random.Random(seed)
    options = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 100),
               ("grpc.use_local_subchannel_pool", 1)]
    calls = [grpc.insecure_channel(endpoint, options=options).unary_unary(EXPORT)
             for endpoint in endpoints]
    while (taken := spans.take()) is not None:
        if not taken:
            time.sleep(0.01)
            continue
        # Each span to an endpoint of its own.
        parts = {}
        for span in taken:
            parts.setdefault(choice.randrange(len(calls)), []).append(span)
        for endpoint, part in parts.items():
            request = _encode(part)
            while True:
                try:
                    calls[endpoint](request, timeout=10)
                    break
                except grpc.RpcError:
                    time.sleep(0.01)
                    endpoint = choice.randrange(len(calls))
            with output:
                for trace, span, kind, _ in part:
                    print(trace, span, kind)
                sys.stdout.flush()


def main(endpoints, senders, rate, spread, seed):
    spans = _Spans(float(rate), float(spread), f"{seed}/{time.time_ns()}")
    output = threading.Lock()
    threads = [threading.Thread(target=_send, args=(spans, endpoints.split(","), f"{seed}/{number}", output))
               for number in range(int(senders))]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    spans.ending = True
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
