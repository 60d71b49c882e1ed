"""OTLP/gRPC load with known span ids: what was acknowledged must arrive."""

import os
import random
import threading
import time

import grpc

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


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


class Load:
    """Senders that offer each request again until it was acknowledged. A context manager."""

    def __init__(self, endpoint, senders=4, spans=20, padding=200, seed=0):
        self.accepted = set()  # ids in acknowledged requests
        self.refused = 0       # answers that were errors
        self._endpoint, self._spans, self._padding = endpoint, spans, padding
        self._random = random.Random(seed or os.getpid())
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._send) for _ in range(senders)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _send(self):
        with grpc.insecure_channel(self._endpoint, options=[
                ("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 100),
                ("grpc.use_local_subchannel_pool", 1)]) as channel:
            call = channel.unary_unary(EXPORT)
            while not self._stopping.is_set():
                with self._lock:
                    ids = {f"{self._random.getrandbits(64):016x}" for _ in range(self._spans)}
                request = encode(ids, self._padding)
                while not self._offer(call, request):
                    if self._stopping.is_set():
                        return
                    time.sleep(0.01)
                with self._lock:
                    self.accepted |= ids

    def _offer(self, call, request):
        try:
            call(request, timeout=10)
            return True
        except grpc.RpcError:
            with self._lock:
                self.refused += 1
            return False
