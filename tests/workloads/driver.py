#!/usr/bin/python3
"""Sends a bounded number of orders to nginx: POST /order/<run>-<n>, a token in the body, each client
on one kept-alive connection. Writes a truth record per request, and one line of JSON with the totals
at the end; a progress line per second with --progress."""

import argparse
import http.client
import json
import os
import pathlib
import secrets
import statistics
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "services"))
from truth import TruthLog  # noqa: E402  (the services' own module)


class Clients:
    def __init__(self, arguments):
        self._arguments = arguments
        self._truth = TruthLog("driver", arguments.truth)
        self._lock = threading.Lock()
        self._next = 0
        self.succeeded = 0
        self.seconds = []
        self.errors = {}

    def done(self):
        return len(self.seconds)

    def _take(self):
        with self._lock:
            if self._next >= self._arguments.requests:
                return None
            self._next += 1
            return self._next

    def _count(self, seconds, error):
        with self._lock:
            self.seconds.append(seconds)
            if error is None:
                self.succeeded += 1
            else:
                self.errors[error] = self.errors.get(error, 0) + 1

    def run(self):
        """The life of one client."""
        connection = http.client.HTTPConnection("127.0.0.1", self._arguments.port, timeout=60)
        while (number := self._take()) is not None:
            path = f"/order/{self._arguments.run}-{number}"
            token = secrets.token_hex(16)
            own_id = self._truth.next_id()
            start = time.time_ns()
            error, status = None, 0
            try:
                connection.request("POST", path, json.dumps({"token": token, "caller": own_id}),
                                   {"Content-Type": "application/json"})
                response = connection.getresponse()
                status = response.status
                body = response.read()
                if status != 200:
                    error = f"status {status}"
                elif json.loads(body)["token"] != token:
                    error = "someone else's answer"
            except (OSError, http.client.HTTPException, ValueError) as failure:
                error = type(failure).__name__
                connection.close()
            end = time.time_ns()
            self._truth.write({"service": "driver", "client": True, "pid": os.getpid(),
                               "id": own_id, "token": token, "method": "POST", "path": path,
                               "status": status, "start_ns": start, "end_ns": end, "error": error})
            self._count((end - start) / 1e9, error)
            if self._arguments.pause_ms:
                time.sleep(self._arguments.pause_ms / 1000)
        connection.close()


def percentile(ordered, share):
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="nginx's")
    parser.add_argument("--truth", required=True, help="folder of the truth records")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--run", default=secrets.token_hex(4), help="first part of the serials")
    parser.add_argument("--pause-ms", type=float, default=0, help="of each client between requests")
    parser.add_argument("--progress", action="store_true")
    arguments = parser.parse_args()

    clients = Clients(arguments)
    start = time.monotonic()
    threads = [threading.Thread(target=clients.run, daemon=True)
               for _ in range(min(arguments.concurrency, arguments.requests))]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(1.0)
            if arguments.progress:
                print(f"{clients.done()}/{arguments.requests}", flush=True)
    elapsed = time.monotonic() - start
    ordered = sorted(clients.seconds)
    print(json.dumps({
        "run": arguments.run,
        "requests": arguments.requests,
        "succeeded": clients.succeeded,
        "errors": clients.errors,
        "seconds": round(elapsed, 3),
        "mean_ms": round(1000 * statistics.fmean(ordered), 2) if ordered else 0,
        "p50_ms": round(1000 * percentile(ordered, 0.50), 2),
        "p99_ms": round(1000 * percentile(ordered, 0.99), 2),
    }), flush=True)
    return 0 if clients.succeeded == arguments.requests else 1


if __name__ == "__main__":
    sys.exit(main())
