"""OTLP/gRPC load with known span ids: what was acknowledged must arrive.

As a program: otlp_load.py ENDPOINT SENDERS SPANS PADDING SEED. Each sender offers a request again until it was
acknowledged. Prints a line per answer: the span ids that were acknowledged, or "-"; ends when its input does."""

import importlib.util
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def is_possible():
    return importlib.util.find_spec("grpc") is not None


class Load:
    """The program, running. Not in this process: gRPC's threads and starting programs do not go together. A
    context manager."""

    def __init__(self, endpoint, senders=4, spans=20, padding=200, seed=0):
        self._output = tempfile.TemporaryFile()  # pylint: disable=consider-using-with
        self._process = subprocess.Popen(
            [sys.executable, "-B", pathlib.Path(__file__), endpoint, str(senders), str(spans),
             str(padding), str(seed)], stdin=subprocess.PIPE, stdout=self._output,
            # Between two calls gRPC looks at its connections this often only; the default is 5 s.
            env={**os.environ, "GRPC_CLIENT_CHANNEL_BACKUP_POLL_INTERVAL_MS": "50"})
        self._read_to = 0
        self._accepted = set()
        self._refused = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self._process.poll() is None:
            self._process.stdin.close()
            self._process.wait(60)
        self._read()
        self._output.close()

    @property
    def accepted(self):
        """The ids in acknowledged requests."""
        self._read()
        return self._accepted

    @property
    def refused(self):
        """Answers that were errors."""
        self._read()
        return self._refused

    def _read(self):
        if self._output.closed:
            return
        self._output.flush()
        with open(f"/proc/self/fd/{self._output.fileno()}", "rb") as lines:
            lines.seek(self._read_to)
            data = lines.read()
        whole = data[:data.rfind(b"\n") + 1]
        self._read_to += len(whole)
        for line in whole.decode().split("\n")[:-1]:
            if line == "-":
                self._refused += 1
            else:
                self._accepted.update(line.split(","))


def _field(number, payload):
    size, prefix = len(payload), bytearray([number << 3 | 2])
    while size >= 0x80:
        prefix.append(size & 0x7f | 0x80)
        size >>= 7
    prefix.append(size)
    return bytes(prefix) + payload


def encode(span_ids, padding):
    """An ExportTraceServiceRequest with one span per id (16 hexadecimal digits)."""
    now = time.time_ns()
    spans = b"".join(
        _field(2, _field(1, b"\1" * 8 + bytes.fromhex(span_id)) + _field(2, bytes.fromhex(span_id)) +
               _field(5, b"s" * padding) + b"\x39" + now.to_bytes(8, "little") +
               b"\x41" + (now + 1000).to_bytes(8, "little"))
        for span_id in span_ids)
    return _field(1, _field(2, spans))


class _Sender(threading.Thread):
    _output = threading.Lock()

    def __init__(self, endpoint, spans, padding, seed, stopping):
        super().__init__()
        self._endpoint, self._spans, self._padding = endpoint, spans, padding
        self._random = random.Random(seed)
        self._stopping = stopping

    def run(self):
        import grpc  # pylint: disable=import-outside-toplevel
        with grpc.insecure_channel(self._endpoint, options=[
                ("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 100),
                ("grpc.use_local_subchannel_pool", 1)]) as channel:
            call = channel.unary_unary(EXPORT)
            while not self._stopping.is_set():
                ids = [f"{self._random.getrandbits(64):016x}" for _ in range(self._spans)]
                request = encode(ids, self._padding)
                while not self._stopping.is_set():
                    try:
                        call(request, timeout=10)
                    except grpc.RpcError:
                        self._say("-")
                        time.sleep(0.01)
                    else:
                        self._say(",".join(ids))
                        break

    def _say(self, line):
        with self._output:
            print(line, flush=True)


def main(endpoint, senders, spans, padding, seed):
    stopping = threading.Event()
    threads = [_Sender(endpoint, int(spans), int(padding), f"{seed}/{number}/{time.time_ns()}", stopping)
               for number in range(int(senders))]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stopping.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
