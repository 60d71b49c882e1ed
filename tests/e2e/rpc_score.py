"""Scores the spans of gRPC calls against what both ends of the calls logged (tests/workloads/rpc).

A call is seen from several sides: the client's CLIENT span, the server's SERVER span, and for a
forwarded call the same two between the server and the next one. Which span is which call's is told by
the length of its messages, which is different for every call: nothing in the headers is. The scorer alone
uses that; to the product a length is a number among others.

Times hold each other in brackets, whatever the load of the machine: the caller starts its clock before the
library writes, and stops it after the library has read; a handler runs between its call's being read
and its status's being written. So: handler <= server span <= client span <= caller, at both ends. A hook may fire
late when its thread loses the processor between the copy and the hook; hence a tolerance, and a
share that must be within it. What the caller measured more than its span has is the time of its library and,
under load, of the queues before it.
"""

import collections
import dataclasses

from otlp_lines import CLIENT, SERVER

SERVICE = "kernspan.tests.Truth"
TOLERANCE_MS = 1.0
CROSSING_MS_MAX = 250  # what is given up here is at work for longer (rpc.mixed_calls)
KIND_NAMES = {SERVER: "server", CLIENT: "client"}
DEADLINE_EXCEEDED, CANCELLED = 4, 1


@dataclasses.dataclass(frozen=True)
class Expected:
    """One span that must be there."""
    call_id: str
    pid: int
    kind: int
    method: str
    status: int
    given_up: bool    # by the client: its status and what was under way then are not on the wire
    crossed: tuple    # of a call that was given up: what the server answered nevertheless, at that time
    sizes: tuple      # of a message to the server, of one to the client
    to_server: int    # messages
    to_client: int
    trace: str        # "" when the call carried no traceparent
    outer: tuple      # the span lies within this (start, end), Unix ns
    inner: tuple      # and around this, unless None
    optional: bool    # it was given up, perhaps before it was on the wire: it may be there or not

    @property
    def identity(self):
        return self.pid, self.kind, self.sizes[0]


class WorkloadError(Exception):
    """The programs did not do what was asked of them, or what they did cannot be told apart."""


def expectations(calls, client, server, following, rpc):
    """The spans that the calls must have. `client`, `server` and `following` (the server that calls are
    forwarded to, or None) are programs of the module `rpc`."""
    expected = []
    handled, behind = server.handled(), following.handled() if following else {}

    def add(call, method, pids, outer, inner, status, counts, trace, crossed=((), ()), optional=False):
        for pid, kind, answer in zip(pids, (CLIENT, SERVER), crossed):
            expected.append(Expected(call.id, pid, kind, method, status, call.is_given_up, answer,
                                     rpc.message_bytes(call), *counts, trace, outer, inner, optional))

    for call in calls:
        made, done = client.made[call.id], handled.get(call.id)
        if done is None and not call.is_given_up:
            raise WorkloadError(f"{call} was not handled")
        inner = (done.start_ns, done.end_ns) if done else None
        add(call, call.method, (client.pid, server.pid), (made.start_ns, made.end_ns),
            None if call.is_given_up else inner, made.status, (made.sent, made.received),
            rpc.trace_id_of(call.id) if call.traceparent != "-" else "",
            _crossed(made, done) if done and call.is_given_up else ((), ()), optional=done is None)
        if call.method == "Forward":
            last = behind[call.id]
            add(call, "Unary", (server.pid, following.pid), inner, (last.start_ns, last.end_ns), last.status,
                (last.received, last.sent), "")
    return expected


def _crossed(made, done):
    """(for the client, for the server): a cancelled stream may end properly first, as in Node, so that the
    server answers what it can; the client has gone by then, or not quite. A server's own end is later than its
    answer on the wire."""
    late_ms = (done.end_ns - made.end_ns) / 1e6
    answer = (done.status,)
    crossed = answer if late_ms <= CROSSING_MS_MAX else ()
    return crossed, crossed


def required(expected):
    """How many spans there must be at least."""
    return sum(not each.optional for each in expected)


def overhang_ms(span, each):
    """How far a span is outside its outer bracket or inside its inner one, at its worse end."""
    amounts = [each.outer[0] - span.start_ns, span.end_ns - each.outer[1]]
    if each.inner:
        amounts += [span.start_ns - each.inner[0], each.inner[1] - span.end_ns]
    return max(0, *amounts) / 1e6


def library_ms(span, each):
    return (each.outer[1] - each.outer[0] - (span.end_ns - span.start_ns)) / 1e6


class Result:
    def __init__(self):
        self.expected = 0
        self.pairs = []                       # (span, Expected)
        self.missing = collections.Counter()  # (kind, method)
        self.extra = collections.Counter()
        self.wrong = collections.Counter()    # (kind, method, what)
        self.partial = collections.Counter()  # reason
        self.evidence = collections.Counter()  # (kind, evidence)
        self.joins = collections.Counter()    # of SERVER spans to their CLIENT span
        self.onward = collections.Counter()   # of a server's own calls to the call that it served
        self.examples = []

    def note(self, text):
        if len(self.examples) < 8:
            self.examples.append(text)

    def overhangs_ms(self):
        return sorted(overhang_ms(span, each) for span, each in self.pairs if not each.given_up)

    def library_ms(self):
        """What callers measured more than their CLIENT spans have."""
        return sorted(library_ms(span, each) for span, each in self.pairs
                      if span.kind == CLIENT and not each.given_up)

    def within_share(self):
        overhangs = self.overhangs_ms()
        return sum(each <= TOLERANCE_MS for each in overhangs) / max(1, len(overhangs))

    def table(self):
        lines = [f"{len(self.pairs)} of {self.expected} spans; server spans joined: {dict(self.joins)}; "
                 f"onward calls linked: {dict(self.onward)}",
                 f"outside the brackets, ms: {percentiles(self.overhangs_ms())}; {self.within_share():.2%} "
                 f"within {TOLERANCE_MS} ms",
                 f"caller minus client span, ms: {percentiles(self.library_ms())}",
                 "evidence: " + ", ".join(f"{KIND_NAMES[kind]} {name or 'none'} {count}" for
                                          (kind, name), count in sorted(self.evidence.items()))]
        for title, counts in (("missing", self.missing), ("too many", self.extra), ("wrong", self.wrong),
                              ("partial", self.partial)):
            if counts:
                lines.append(f"{title}: " + ", ".join(f"{key} {count}"
                                                      for key, count in counts.most_common(12)))
        return "\n".join(lines + ["  e.g. " + example for example in self.examples])


def describe(span):
    """In a line; None: no span."""
    if span is None:
        return "none"
    facts = {key: value for key, value in span.attributes.items()
             if key.startswith(("rpc.", "kernspan.", "error."))}
    return f"{KIND_NAMES.get(span.kind, span.kind)} span {span.id} of {span.service} ({span.pid}) {facts}"


def percentile(ordered, share):
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def percentiles(ordered):
    return ", ".join(f"{name} {percentile(ordered, share):.2f}" for name, share in
                     (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1)))


def _flow(span, direction):
    """(messages, their bytes) to the "server" or to the "client"."""
    word = "sent" if (direction == "server") == (span.kind == CLIENT) else "received"
    return tuple(span.attributes.get(f"kernspan.rpc.{what}.{word}") for what in ("messages", "message_bytes"))


def message_size(span):
    """Of each message to the server, None where that was not seen."""
    messages, total = _flow(span, "server")
    return total // messages if messages and total else None


def _statuses(each):
    """What a span may say: of a call that was given up no more than what a reset says."""
    return (None, CANCELLED, DEADLINE_EXCEEDED, *each.crossed) if each.given_up else (each.status,)


def _compare(result, span, each):
    def check(what, value, is_right, right):
        if not is_right:
            result.wrong[KIND_NAMES[each.kind], each.method, what] += 1
            result.note(f"{each.call_id} {KIND_NAMES[each.kind]} {each.method}: {what} is {value}, not {right}")

    def check_equal(what, value, right):
        check(what, value, value == right, right)

    attributes = span.attributes
    check_equal("system", attributes.get("rpc.system"), "grpc")
    check_equal("service", attributes.get("rpc.service"), SERVICE)
    check_equal("method", attributes.get("rpc.method"), each.method)
    status = attributes.get("rpc.grpc.status_code")
    check("status", status, status in _statuses(each), _statuses(each))
    if each.trace:
        check_equal("trace", span.trace, each.trace)
    if not each.given_up:
        for direction, messages, size in (("server", each.to_server, each.sizes[0]),
                                          ("client", each.to_client, each.sizes[1])):
            check_equal(f"messages to the {direction}", _flow(span, direction), (messages, messages * size))
    if span.kind == CLIENT:
        is_error = bool(status if each.given_up and status is not None else each.given_up or each.status)
        check("error.type", span.error, bool(span.error) == is_error, "set" if is_error else "none")


def _check_links(result):
    by_id = {span.id: (span, each) for span, each in result.pairs}
    forwarded = {(each.pid, each.call_id) for _, each in result.pairs
                 if each.kind == SERVER and each.method == "Forward"}
    for span, each in result.pairs:
        parent, of = by_id.get(span.parent, (None, None))
        if span.kind == SERVER:
            if parent is None:
                word = "missing"
            elif parent.kind != CLIENT or of.call_id != each.call_id or of.method != each.method:
                word = "wrong"
            elif not (parent.start_ns <= span.start_ns
                      # A reset that the client sent is later for the server.
                      and (span.end_ns <= parent.end_ns or each.given_up)):
                word = "not within its client span"
            else:
                word = "right" if span.evidence == "wire" else f"by {span.evidence}"
            result.joins[word] += 1
            if word != "right":
                result.note(f"{word}: {describe(span)} under {describe(parent)}")
        elif (each.pid, each.call_id) in forwarded:
            right = parent is not None and parent.kind == SERVER and of.call_id == each.call_id
            word = "none" if parent is None else "right" if right else "wrong"
            result.onward[word] += 1
            if word == "wrong":
                result.note(f"wrong: {describe(span)} under {describe(parent)}")


def score(expected, spans, is_part=lambda span: True):
    """Compares. Spans of processes that are not expected are left out, and those of which is_part is false."""
    result = Result()
    result.expected = required(expected)
    by_identity = {each.identity: each for each in expected}
    if len(by_identity) != len(expected):
        raise WorkloadError("two calls have messages of the same length")
    pids = {each.pid for each in expected}
    for span in spans:
        if span.pid not in pids or span.attributes.get("kernspan.interim") or not is_part(span):
            continue
        result.evidence[span.kind, span.evidence] += 1
        if span.partial:
            result.partial[span.partial] += 1
        each = by_identity.pop((span.pid, span.kind, message_size(span)), None)
        if each is None:
            result.extra[KIND_NAMES.get(span.kind), span.attributes.get("rpc.method")] += 1
            result.note(f"no call for {describe(span)}")
            continue
        result.pairs.append((span, each))
        _compare(result, span, each)
    for each in (each for each in by_identity.values() if not each.optional):
        result.missing[KIND_NAMES[each.kind], each.method + (" given up" if each.given_up else "")] += 1
        result.note(f"missing: {each}")
    _check_links(result)
    return result
