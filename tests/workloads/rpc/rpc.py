"""gRPC programs of five languages that speak one service (truth.proto), and calls between them.

A client reads a line per call from its standard input, with the fields of Call in their order, `-` for no
traceparent, and starts it on its channels in turn, at most CONCURRENCY at once. When a call is over
it prints `id status start end sent received`: the gRPC status, Unix times in ns as the caller saw them,
and messages. It ends when its input has ended and the last call is over. A server prints
`id method status start end received sent` per call.

Unary, Collect, Expand, Forward: `delay_ms` is what the server waits before each answer. Converse: the
client sends each message when the one before has been answered, so a conversation of N messages
takes N delays. A call with a deadline or with cancel_ms is given up by the client.
"""

import collections
import contextlib
import dataclasses
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import threading

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))
from processes import Program, free_port, wait_until  # noqa: E402

PROTO = FOLDER / "truth.proto"
SERVICE = "kernspan.tests.Truth"
LANGUAGES = ("cpp", "python", "go", "js", "java")
CANCELLED, DEADLINE_EXCEEDED = 1, 4
BUILD_SECONDS_MAX = 300

Handled = collections.namedtuple("Handled", "id method status start_ns end_ns received sent")
Made = collections.namedtuple("Made", "id status start_ns end_ns sent received")


@dataclasses.dataclass(frozen=True)
class Call:
    id: str
    method: str = "Unary"
    messages: int = 1
    answers: int = 1
    payload_bytes: int = 16
    status: int = 0
    delay_ms: int = 0
    deadline_ms: int = 0
    cancel_ms: int = 0
    traceparent: str = "-"

    @property
    def is_given_up(self):
        return bool(self.deadline_ms or self.cancel_ms)

    def line(self):
        return " ".join(str(value) for value in dataclasses.astuple(self)) + "\n"


def _field_bytes(value):
    """Of a field of a protobuf message, its key included; what is 0 or empty is left out."""
    if isinstance(value, int):
        return 1 + max(1, -(-value.bit_length() // 7)) if value else 0
    return 1 + max(1, -(-value[0].bit_length() // 7)) + value[0] if value[0] else 0


def message_bytes(call):
    """(of each message to the server, of each answer), as they are on the wire."""
    length = (len(call.id),), (call.payload_bytes,)
    answer = sum(map(_field_bytes, length))
    return answer + sum(map(_field_bytes, (call.answers, call.status, call.delay_ms))), answer


def sized(call, size):
    """The call with a payload that makes its messages to the server as long as that."""
    for payload in range(max(0, size - 100), size):
        candidate = dataclasses.replace(call, payload_bytes=payload)
        if message_bytes(candidate)[0] == size:
            return candidate
    raise ValueError(f"no payload makes {call} {size} bytes long")  # its own length takes a byte more


def trace_id_of(call_id):
    """The trace id of a call that carries a traceparent."""
    return hashlib.md5(call_id.encode()).hexdigest()


def with_traceparent(call):
    parent = hashlib.md5(call.id.encode() + b"parent").hexdigest()[:16]
    return dataclasses.replace(call, traceparent=f"00-{trace_id_of(call.id)}-{parent}-01")


def mixed_calls(run, count, first_size=200):
    """Calls of every kind: unary and streaming, failing, past their deadline, cancelled, forwarded. A third
    carries a traceparent. The lengths of the messages differ from call to call."""
    def one(number):
        base = {"id": f"{run}-{number}"}
        kind, turn = number % 10, number // 10
        if kind == 4:
            return Call(status=1 + turn % 16, **base)
        if kind == 5:
            return Call(method="Collect", messages=2 + turn % 5, **base)
        if kind == 6:
            return Call(method="Expand", answers=2 + turn % 7, **base)
        if kind == 7:
            return Call(method="Converse", messages=2 + turn % 4, answers=2 + turn % 4, **base)
        if kind == 8:
            return Call(method="Forward", **base)
        if kind == 9:
            return (Call(delay_ms=900, deadline_ms=300, **base),
                    Call(delay_ms=900, cancel_ms=300, **base),
                    Call(method="Converse", messages=100, answers=100, delay_ms=100, cancel_ms=300, **base),
                    Call(method="Expand", answers=3, status=5, **base))[turn % 4]
        return Call(delay_ms=5 if kind == 3 else 0, **base)

    calls = [sized(one(number), first_size + number) for number in range(count)]
    return [with_traceparent(call) if number % 3 == 0 else call for number, call in enumerate(calls)]


class Missing(Exception):
    """A language cannot be run here; the message says what is not installed."""


def need(programs=(), files=()):
    missing = [name for name in programs if not shutil.which(name)]
    missing += [path for path in files if not pathlib.Path(path).exists()]
    if missing:
        raise Missing(", ".join(missing) + " (tools/setup installs it)")


def run(command, **options):
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=BUILD_SECONDS_MAX,
                          check=False, **options)
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n{done.stdout[-3000:]}")
    return done.stdout


def built(folder, sources, build):
    """`folder`, filled by build(folder) unless that has been done with the same sources."""
    digest = hashlib.sha256()
    for source in sources:
        digest.update(pathlib.Path(source).read_bytes())
    stamp = folder / "built-from"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == digest.hexdigest():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    build(folder)
    shutil.rmtree(folder / "cache", ignore_errors=True)
    stamp.write_text(digest.hexdigest(), encoding="utf-8")
    return folder


def go_build(sources, program, gopath="/usr/share/gocode"):
    """With Debian's packages alone, from no network. Leaves Go's cache beside the program."""
    run(["go", "build", "-o", program, *sources],
         env={**os.environ, "GO111MODULE": "off", "GOPATH": str(gopath), "GOFLAGS": "",
              "GOCACHE": str(program.parent / "cache")})


_JARS = [f"/usr/share/java/{name}.jar" for name in (
    *(f"grpc-{part}" for part in ("api", "context", "core", "netty", "stub")),
    *(f"netty-{part}" for part in ("buffer", "codec", "codec-http", "codec-http2", "codec-socks", "common",
                                   "handler", "handler-proxy", "resolver", "transport",
                                   "transport-native-unix-common")),
    "guava", "perfmark-api", "perfmark-impl", "protobuf")]


class Programs:
    """How to start servers and clients. `tests` is the build's folder of test programs; what needs no
    CMake is built below it, once."""

    def __init__(self, tests):
        self._tests = pathlib.Path(tests)

    def command(self, language, role):
        """(words before the arguments, environment). Missing when it cannot run here."""
        return getattr(self, f"_{language}")(role)

    def _cpp(self, role):
        return [_existing(self._tests / f"rpc_{role}")], {}

    def _python(self, role):
        need(["protoc"], ["/usr/lib/python3/dist-packages/grpc", "/usr/lib/python3/dist-packages/google/protobuf"])
        folder = built(self._tests / "rpc" / "python", [PROTO], lambda folder: run(
            ["protoc", f"--python_out={folder}", f"--proto_path={FOLDER}", PROTO]))
        return ["/usr/bin/python3", "-B", FOLDER / "python" / f"{role}.py"], {"PYTHONPATH": str(folder)}

    def _go(self, role):
        need(["go"], ["/usr/share/gocode/src/google.golang.org/grpc"])
        source = FOLDER / "go" / "truth.go"
        folder = built(self._tests / "rpc" / "go", [source],
                       lambda folder: go_build([source], folder / "truth"))
        return [folder / "truth", role], {}

    def _js(self, role):
        need(["node", "npm"])
        files = [FOLDER / "js" / name for name in (
            "package.json", "package-lock.json", "truth.js", "server.js", "client.js")]

        def build(folder):
            for file in files:
                shutil.copy(file, folder)
            run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder)
        folder = built(self._tests / "rpc" / "js", files, build)
        return ["node", folder / f"{role}.js"], {"TRUTH_PROTO": str(PROTO)}

    def _java(self, role):
        need(["java", "javac", "protoc"], _JARS)
        source = FOLDER / "java" / "Truth.java"

        def build(folder):
            run(["protoc", f"--java_out={folder}", f"--proto_path={FOLDER}", PROTO])
            run(["javac", "-nowarn", "-cp", ":".join(_JARS), "-d", folder, source,
                  *folder.rglob("*.java")])
        folder = built(self._tests / "rpc" / "java", [PROTO, source], build)
        return ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                "-cp", ":".join([*_JARS, str(folder)]), "Truth", role], {}


def _existing(program):
    if not program.exists():
        raise Missing(f"{program} is not built")
    return program


def _addresses(place, callee):
    """The environment of a program in a place (stack.Place) that calls one in another. Go programs only."""
    return {**({"TRUTH_LISTEN": place.bind} if place else {}),
            **({"TRUTH_CALL": callee.host} if callee else {})}


class Server:
    def __init__(self, programs, language, folder, next_port=None, role="server", place=None, callee=None):
        self.port = free_port()
        self.log = pathlib.Path(folder) / f"{language}-{role}-{self.port}.log"
        command, environment = programs.command(language, role)
        with place.inside() if place else contextlib.nullcontext():
            self.program = Program(f"{language} {role}",
                                   [*command, self.port, *([next_port] if next_port else [])], self.log,
                                   {**environment, **_addresses(place, callee)})
        self.program.wait_for(lambda: "ready" in self.log.read_text(errors="replace"), "it prints ready")

    @property
    def pid(self):
        return self.program.pid

    def handled(self):
        """What it has handled so far, by id. Programs under test may write their own lines too."""
        found = {}
        for line in self.log.read_text(errors="replace").splitlines():
            words = line.split()
            if len(words) == 7 and words[2:] == [word for word in words[2:] if word.lstrip("-").isdigit()]:
                found[words[0]] = Handled(words[0], words[1], *map(int, words[2:]))
        return found

    def stop(self):
        self.program.stop(3)


class Client:
    """A client program. Not for several threads."""

    def __init__(self, programs, language, port, folder, channels=1, concurrency=32, place=None,
                 callee=None):
        command, environment = programs.command(language, "client")
        self.language = language
        self.made = {}
        self._asked = 0
        self._unreadable = []
        self._errors = open(pathlib.Path(folder) / f"{language}-client-{port}.log", "wb")
        with place.inside() if place else contextlib.nullcontext():
            self._process = subprocess.Popen(
                [str(word) for word in (*command, port, channels, concurrency)], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=self._errors, text=True,
                env={**os.environ, **environment, **_addresses(place, callee)})
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self):
        return self._process.pid

    def _read(self):
        for line in self._process.stdout:
            words = line.split()
            try:
                self.made[words[0]] = Made(words[0], *map(int, words[1:]))
            except (TypeError, ValueError):
                self._unreadable.append(line)

    def ask(self, calls):
        self._asked += len(calls)
        self._process.stdin.write("".join(call.line() for call in calls))
        self._process.stdin.flush()

    def wait(self, seconds_max=60):
        """Until every call that was asked for is over."""
        if not wait_until(lambda: len(self.made) >= self._asked or self._process.poll() is not None,
                          seconds_max, 0.02) or len(self.made) < self._asked:
            raise RuntimeError(f"{self.language} client: {len(self.made)} of {self._asked} calls are over, "
                               f"exit status {self._process.poll()}; "
                               f"{self._unreadable[:3]}; its log: {self._errors.name}")

    def call(self, calls, seconds_max=60):
        """Makes the calls and waits for them. What became of all calls so far, by id."""
        self.ask(calls)
        self.wait(seconds_max)
        return self.made

    def finish(self):
        """Its input ends; its exit status."""
        self._process.stdin.close()
        try:
            return self._process.wait(20)
        finally:
            self.stop()

    def stop(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
        self._process.stdout.close()
        if not self._process.stdin.closed:
            self._process.stdin.close()
        self._errors.close()
