"""What a service knows about its own part in a request, as JSON lines: the truth that traces are
scored against.

Every request carries a token and the caller's own id in its *body*, which the agent never reads.
A record says which request was served, for whom (`caller`), and under which id its own calls went
out. One file per process: $TRUTH_DIR/<service>-<pid>.jsonl.
"""

import itertools
import json
import os
import threading
import time


class Call:
    """One request on its way through a service."""

    def __init__(self, log, body, method, path):
        content = json.loads(body)
        self._log = log
        self._start_ns = time.time_ns()
        self.token = content["token"]
        self.caller = content["caller"]
        self.id = log.next_id()
        self.method = method
        self.path = path
        # The unique last segment of the path: it lets the scorer tell spans apart.
        self.serial = path.rsplit("/", 1)[-1]

    def body_for_callee(self):
        return json.dumps({"token": self.token, "caller": self.id}).encode()

    def answer(self, status, **content):
        """The body of the response; writes the record."""
        self._log.write({
            "service": self._log.service,
            "pid": os.getpid(),
            "id": self.id,
            "token": self.token,
            "caller": self.caller,
            "method": self.method,
            "path": self.path,
            "status": status,
            "start_ns": self._start_ns,
            "end_ns": time.time_ns(),
        })
        return json.dumps({"token": self.token, **content}).encode()


class TruthLog:
    """Any thread; opens its file on first use, so that forked workers have files of their own."""

    def __init__(self, service, folder=None):
        self.service = service
        self._folder = folder or os.environ["TRUTH_DIR"]
        self._serials = itertools.count(1)
        self._lock = threading.Lock()
        self._file = None

    def next_id(self):
        return f"{self.service}-{os.getpid()}-{next(self._serials)}"

    def begin(self, body, method, path):
        return Call(self, body, method, path)

    def write(self, record):
        line = json.dumps(record) + "\n"
        with self._lock:
            if self._file is None:
                name = f"{self.service}-{os.getpid()}.jsonl"
                self._file = open(os.path.join(self._folder, name), "a", encoding="utf-8")
            self._file.write(line)
            self._file.flush()
