"""The workload's client with Python's synchronous gRPC: a thread per call in flight.

    client.py PORT CHANNELS CONCURRENCY       truth_pb2 is found through PYTHONPATH

Reads a line per call and prints one when it is over; rpc.py says what is in them.
"""

import concurrent.futures
import os
import queue
import sys
import threading
import time

import grpc
import truth_pb2

KINDS = {"Unary": "unary_unary", "Collect": "stream_unary", "Expand": "unary_stream",
         "Converse": "stream_stream", "Forward": "unary_unary"}


class Stubs:
    """Those of one channel."""

    def __init__(self, port):
        channel = grpc.insecure_channel(
            f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1),
                                          ("grpc.max_receive_message_length", -1)])
        self.by_method = {
            method: getattr(channel, kind)(f"/kernspan.tests.Truth/{method}",
                                           request_serializer=truth_pb2.Call.SerializeToString,
                                           response_deserializer=truth_pb2.Answer.FromString)
            for method, kind in KINDS.items()}


class RunningCall:
    def __init__(self, line):
        (self.id, self.method, messages, answers, payload_bytes, status, delay_ms, deadline_ms,
         cancel_ms, traceparent) = line.split()
        self.messages = int(messages)
        self.deadline_s = int(deadline_ms) / 1000 or None
        self.cancel_s = int(cancel_ms) / 1000
        self.metadata = None if traceparent == "-" else [("traceparent", traceparent)]
        self.call = truth_pb2.Call(id=self.id, answers=int(answers), status=int(status),
                                   delay_ms=int(delay_ms), payload=b"x" * int(payload_bytes))
        self.sent = self.received = 0
        self._turns = queue.SimpleQueue()

    def _requests(self):
        """One at once; in a conversation each further one when the last has been answered."""
        for number in range(self.messages):
            if number and self.method == "Converse" and not self._turns.get():
                return
            self.sent += 1
            yield self.call

    def _run(self, stub):
        options = {"timeout": self.deadline_s, "metadata": self.metadata}
        kind = KINDS[self.method]
        if kind.startswith("unary"):
            self.sent = 1
            request = self.call
        else:
            request = self._requests()
        invoke = stub.future if kind.endswith("unary") else stub
        running = invoke(request, **options)
        if self.cancel_s:
            threading.Timer(self.cancel_s, running.cancel).start()
        try:
            if kind.endswith("unary"):
                running.result()
                self.received = 1
            else:
                for _ in running:
                    self.received += 1
                    self._turns.put(True)
        except (grpc.RpcError, grpc.FutureCancelledError):
            pass
        self._turns.put(False)
        return running.code().value[0]

    def run(self, stubs):
        start_ns = time.time_ns()
        status = self._run(stubs.by_method[self.method])
        end_ns = time.time_ns()
        os.write(1, f"{self.id} {status} {start_ns} {end_ns} {self.sent} {self.received}\n".encode())


def main():
    port, channels, concurrency = map(int, sys.argv[1:])
    stubs = [Stubs(port) for _ in range(channels)]
    slots = threading.Semaphore(concurrency)
    with concurrent.futures.ThreadPoolExecutor(concurrency) as pool:
        for number, line in enumerate(sys.stdin):
            slots.acquire()
            running = pool.submit(RunningCall(line).run, stubs[number % channels])
            running.add_done_callback(lambda done: (slots.release(), done.result()))


if __name__ == "__main__":
    main()
