"""The workload's server with Python's synchronous gRPC: calls run on a pool of threads.

    server.py PORT [NEXT_PORT]       truth_pb2 is found through PYTHONPATH

Prints a line per call that it has handled: id, method, status, start and end (Unix time, ns), messages
received and sent.
"""

import concurrent.futures
import os
import signal
import sys
import threading
import time

import grpc
import truth_pb2

CODES = {code.value[0]: code for code in grpc.StatusCode}
THREADS = 48  # more than any load has calls in flight: none waits for a thread


class Record:
    """What one handler did."""

    def __init__(self, method):
        self.method = method
        self.start_ns = time.time_ns()
        self.call = None
        self.received = self.sent = 0

    def receive(self, call):
        self.call = call
        self.received += 1

    def answer(self):
        time.sleep(self.call.delay_ms / 1000)
        return truth_pb2.Answer(id=self.call.id, payload=self.call.payload)

    def log(self, status):
        os.write(1, f"{self.call.id} {self.method} {status} {self.start_ns} {time.time_ns()} "
                    f"{self.received} {self.sent}\n".encode())

    def end(self, context, status=None):
        status = self.call.status if status is None else status
        self.log(status)
        if status:
            context.abort(CODES[status], "as asked for")

    def end_with_answer(self, context):
        answer = self.answer()
        self.sent += not self.call.status
        self.end(context)
        return answer


class Truth:
    def __init__(self, next_port):
        self._forward = next_port and _stub(next_port)

    def unary(self, call, context):
        record = Record("Unary")
        record.receive(call)
        return record.end_with_answer(context)

    def collect(self, calls, context):
        record = Record("Collect")
        for call in calls:
            record.receive(call)
        return record.end_with_answer(context)

    def expand(self, call, context):
        record = Record("Expand")
        record.receive(call)
        for _ in range(call.answers):
            yield record.answer()
            record.sent += 1
        record.end(context)

    def converse(self, calls, context):
        record = Record("Converse")
        try:
            for call in calls:
                record.receive(call)
                yield record.answer()
                record.sent += 1
        except GeneratorExit:  # the client has given up, and nobody asks for the next answer
            record.log(grpc.StatusCode.CANCELLED.value[0])
            raise
        record.end(context)

    def forward(self, call, context):
        record = Record("Forward")
        record.receive(call)
        try:
            answer = self._forward(call)
        except grpc.RpcError as error:
            record.end(context, error.code().value[0])
        record.sent = 1
        record.end(context, 0)
        return answer


def _stub(port):
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    return channel.unary_unary("/kernspan.tests.Truth/Unary",
                               request_serializer=truth_pb2.Call.SerializeToString,
                               response_deserializer=truth_pb2.Answer.FromString)


def handlers(truth):
    codec = {"request_deserializer": truth_pb2.Call.FromString,
             "response_serializer": truth_pb2.Answer.SerializeToString}
    return grpc.method_handlers_generic_handler("kernspan.tests.Truth", {
        "Unary": grpc.unary_unary_rpc_method_handler(truth.unary, **codec),
        "Collect": grpc.stream_unary_rpc_method_handler(truth.collect, **codec),
        "Expand": grpc.unary_stream_rpc_method_handler(truth.expand, **codec),
        "Converse": grpc.stream_stream_rpc_method_handler(truth.converse, **codec),
        "Forward": grpc.unary_unary_rpc_method_handler(truth.forward, **codec),
    })


def main():
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(THREADS),
                         options=[("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers([handlers(Truth(sys.argv[2] if len(sys.argv) > 2 else None))])
    server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
    server.start()
    os.write(1, b"ready\n")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    stop.wait()
    server.stop(1).wait()


if __name__ == "__main__":
    main()
