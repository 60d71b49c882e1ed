#!/usr/bin/python3
"""Scores traces against the truth.

    score.py TRUTH_FOLDER SPANS_FILE [--run RUN] [--untraced SERVICE]... [--at-least PERCENT]

The truth is what the services of tests/workloads logged: who really called whom, known from a token in
the bodies. The spans are the file exporter's OTLP JSON lines.

Which span belongs to which true exchange is told by the path: each request, and each call behind it,
has a path that occurs once (see stack.py). The scorer alone uses that; the product must not, and
knows only method, path and time like a path that occurs a thousand times.

What must be there for every true exchange, e.g. shop's POST /price/7 to pricing:
  - one CLIENT span of the caller, one SERVER span of the callee, with the true pid, method, status;
  - the SERVER span is the child of the CLIENT span, with evidence;
  - the CLIENT span is the child of the SERVER span of the request for which the call was made.
A trace is complete when all of that holds for the request and everything behind it, in one trace
that holds nothing else. A link is wrong when the span has another parent than the true one, and
missing when it has none (or one that was never delivered).
"""

import argparse
import collections
import json
import pathlib
import sys

from otlp_lines import CLIENT, SERVER, read_spans

Side = collections.namedtuple("Side", "service pid")
# One request on one connection. `client` is None when the caller kept no record (then nothing is said
# about the parent); `server` when the callee kept none; `parent` is the path of the request for which the
# call was made, None for the first one; `token` is the same in everything behind one request.
Exchange = collections.namedtuple("Exchange", "path token method status client server parent")
KIND_NAMES = {SERVER: "server", CLIENT: "client"}


class TruthError(Exception):
    """The truth contradicts itself: the workload is wrong, not the traces."""


def _read_records(folder):
    for path in sorted(pathlib.Path(folder).glob("*.jsonl")):
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                if not line.endswith("\n"):
                    continue  # the process was killed while it wrote
                record = json.loads(line)
                if record.get("proxy"):
                    if not record["body"].startswith("{"):
                        continue  # no token: not one of the requests that are scored
                    record.update(json.loads(record["body"]))
                    record["id"] = "proxy:" + record["caller"]
                yield record


def read_truth(folder, run="", since_ns=0):
    """The true exchanges by path; with `run` only those of that run of the driver, with `since_ns`
    (Unix time) only those that the driver began later."""
    records = [record for record in _read_records(folder)
               if record["path"].rsplit("/", 1)[-1].startswith(run)]
    if since_ns:
        late = {record["token"] for record in records
                if record.get("client") and record["start_ns"] > since_ns}
        records = [record for record in records if record["token"] in late]
    by_id = {record["id"]: record for record in records}
    if len(by_id) != len(records):
        raise TruthError("two records have the same id")
    exchanges = {}
    for record in records:
        side = Side(record["service"], record["pid"])
        if record.get("client"):
            if f"proxy:{record['id']}" not in by_id:  # nobody logged the other end
                exchanges[record["path"]] = Exchange(
                    record["path"], record["token"], record["method"], record["status"], side, None, None)
            continue
        # A proxy passes bodies on as they are: behind it, it is the caller, not who the body names.
        through = by_id.get("proxy:" + record["caller"])
        caller = through if through and through is not record else by_id.get(record["caller"])
        if caller and caller["token"] != record["token"]:
            raise TruthError(f"{record['path']}: the token is not that of its caller")
        if record["path"] in exchanges:
            raise TruthError(f"{record['path']} was served twice")
        exchanges[record["path"]] = Exchange(
            record["path"], record["token"], record["method"], record["status"],
            Side(caller["service"], caller["pid"]) if caller else None, side,
            caller["path"] if caller and not caller.get("client") else None)
    return exchanges


class Links:
    def __init__(self):
        self.expected = self.right = self.wrong = self.missing = 0

    @property
    def precision(self):
        made = self.right + self.wrong
        return self.right / made if made else 1.0

    @property
    def recall(self):
        return self.right / self.expected if self.expected else 1.0


class Score:
    """What came out; see score() for how."""

    def __init__(self):
        self.requests = 0
        self.complete = 0
        self.complete_traces = []                    # their trace ids
        self.links = collections.defaultdict(Links)  # by (service that has the child span, its kind)
        self.evidence = collections.Counter()        # (service, kind, evidence) of right links
        self.missing_spans = collections.Counter()   # (service, kind)
        self.extra_spans = collections.Counter()     # (service, kind): an exchange seen twice
        self.wrong_values = collections.Counter()    # (service, kind, what)
        self.unrelated_spans = collections.Counter()  # (service, kind): paths the truth does not know
        self.mixed_traces = 0                        # traces with spans of several requests
        self.examples = []                           # the first few things that are wrong, in words

    def total(self, field):
        return sum(getattr(links, field) for links in self.links.values())

    @property
    def complete_share(self):
        return self.complete / self.requests if self.requests else 0.0

    @property
    def precision(self):
        made = self.total("right") + self.total("wrong")
        return self.total("right") / made if made else 1.0

    @property
    def recall(self):
        expected = self.total("expected")
        return self.total("right") / expected if expected else 1.0

    def note(self, text):
        if len(self.examples) < 10:
            self.examples.append(text)


class _Scorer:
    def __init__(self, exchanges, spans, untraced):
        self.exchanges = exchanges
        self.untraced = untraced
        self.score = Score()
        self.by_end = {}        # (path, kind) -> span
        self.flawed = set()     # paths at which something is not as it should be
        self.known_ids = {span.id for span in spans}
        self.traces = collections.defaultdict(set)  # trace id -> tokens of which it has spans
        self._sort(spans)

    def _sort(self, spans):
        for span in spans:
            if span.path not in self.exchanges:
                self.score.unrelated_spans[span.service, KIND_NAMES.get(span.kind)] += 1
                self.traces[span.trace].add(None)
                continue
            self.traces[span.trace].add(self.exchanges[span.path].token)
            if self.by_end.setdefault((span.path, span.kind), span) is not span:
                self.score.extra_spans[span.service, KIND_NAMES.get(span.kind)] += 1
                self._flaw(span.path, f"{span.path}: more than one span of kind {span.kind}")

    def _flaw(self, path, text):
        self.flawed.add(path)
        self.score.note(text)

    def _is_traced(self, side):
        return side is not None and side.service not in self.untraced

    def _span_of(self, exchange, kind):
        """The span of one end, or None with its absence counted."""
        side = exchange.server if kind == SERVER else exchange.client
        span = self.by_end.get((exchange.path, kind))
        if span is None:
            self.score.missing_spans[side.service, KIND_NAMES[kind]] += 1
            self._flaw(exchange.path, f"{exchange.path}: no {KIND_NAMES[kind]} span of {side.service}")
            return None
        for what, true, seen in (("pid", side.pid, span.pid),
                                 ("method", exchange.method, span.method),
                                 ("status", exchange.status, span.status)):
            if true != seen and not (what == "pid" and seen is None):
                self.score.wrong_values[side.service, KIND_NAMES[kind], what] += 1
                self._flaw(exchange.path, f"{exchange.path}: {KIND_NAMES[kind]} span of {side.service}"
                                          f" has {what} {seen}, not {true}")
        return span

    def _check_link(self, exchange, kind, true_parent):
        """Judges the parent of one end; `true_parent` is (path, kind), None for a root."""
        side = exchange.server if kind == SERVER else exchange.client
        span = self._span_of(exchange, kind)
        links = self.score.links[side.service, KIND_NAMES[kind]]
        name = f"{exchange.path}: {KIND_NAMES[kind]} span of {side.service}"
        if true_parent is None:
            if span is not None and span.parent:
                links.wrong += 1
                self._flaw(exchange.path, f"{name} has a parent, and should have none")
            return
        links.expected += 1
        parent = self.by_end.get(true_parent)
        if span is None or not span.parent:
            links.missing += 1
            self._flaw(exchange.path, f"{name} has no parent")
        elif parent is not None and (parent.id, parent.trace) == (span.parent, span.trace):
            links.right += 1
            self.score.evidence[side.service, KIND_NAMES[kind], span.evidence or "none"] += 1
            if not span.evidence:
                self.score.wrong_values[side.service, KIND_NAMES[kind], "evidence"] += 1
                self._flaw(exchange.path, f"{name} has a parent without evidence")
        elif parent is None and span.parent not in self.known_ids:
            links.missing += 1
            self._flaw(exchange.path, f"{name} has a parent that was never delivered")
        else:
            links.wrong += 1
            self._flaw(exchange.path, f"{name} (trace {span.trace}) has the wrong parent")

    def run(self):
        for path, exchange in self.exchanges.items():
            client_is_traced = self._is_traced(exchange.client)
            if client_is_traced:
                parent = exchange.parent and (exchange.parent, SERVER)
                if parent and not self._is_traced(self.exchanges[exchange.parent].server):
                    parent = None
                self._check_link(exchange, CLIENT, parent)
            if self._is_traced(exchange.server):
                if exchange.client is None:
                    self._span_of(exchange, SERVER)
                else:
                    self._check_link(exchange, SERVER, (path, CLIENT) if client_is_traced else None)
        self._judge_traces()
        return self.score

    def _judge_traces(self):
        flawed = {self.exchanges[path].token for path in self.flawed}
        traces_of = collections.defaultdict(list)
        # Where callers kept no truth, their spans are unknown and yet in place.
        is_partial = any(exchange.client is None for exchange in self.exchanges.values())
        for trace_id, tokens in self.traces.items():
            known = tokens - {None}
            if is_partial:
                tokens = known
            for token in known:
                traces_of[token].append(trace_id)
            if len(tokens) > 1:
                self.score.mixed_traces += 1
                flawed |= known
        requests = {exchange.token for exchange in self.exchanges.values()}
        self.score.requests = len(requests)
        self.score.complete_traces = [traces_of[token][0] for token in requests
                                      if len(traces_of[token]) == 1 and token not in flawed]
        self.score.complete = len(self.score.complete_traces)


def score(exchanges, spans, untraced=()):
    """Compares spans with the truth of read_truth(); services in `untraced` are not expected."""
    return _Scorer(exchanges, spans, set(untraced)).run()


def table(result):
    """The score as text."""
    lines = [f"{'service':<12} {'span':<7} {'links':>7} {'right':>7} {'wrong':>6} {'missing':>8} "
             f"{'precision':>10} {'recall':>9}  evidence"]
    for (service, kind), links in sorted(result.links.items()):
        if not links.expected and not links.wrong:
            continue
        evidence = ", ".join(f"{name} {count}" for (s, k, name), count in
                             sorted(result.evidence.items()) if (s, k) == (service, kind))
        lines.append(f"{service:<12} {kind:<7} {links.expected:>7} {links.right:>7} {links.wrong:>6} "
                     f"{links.missing:>8} {links.precision:>10.3%} {links.recall:>9.3%}  {evidence}")
    lines.append(f"{'all':<20} {result.total('expected'):>7} {result.total('right'):>7} "
                 f"{result.total('wrong'):>6} {result.total('missing'):>8} {result.precision:>10.3%} "
                 f"{result.recall:>9.3%}")
    for title, counts in (("spans missing", result.missing_spans), ("spans twice", result.extra_spans),
                          ("wrong values", result.wrong_values),
                          ("spans of other requests", result.unrelated_spans)):
        if counts:
            lines.append(f"{title}: " + ", ".join(
                f"{' '.join(str(part) for part in key)} {count}" for key, count in counts.most_common()))
    if result.mixed_traces:
        lines.append(f"traces with spans of several requests: {result.mixed_traces}")
    lines.extend("  e.g. " + example for example in result.examples)
    lines.append(f"{result.complete} of {result.requests} traces complete ({result.complete_share:.2%})")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("truth", help="folder of the truth records")
    parser.add_argument("spans", help="the file exporter's output")
    parser.add_argument("--run", default="", help="only the requests of that run")
    parser.add_argument("--untraced", action="append", default=[], metavar="SERVICE")
    parser.add_argument("--at-least", type=float, default=99.5, metavar="PERCENT",
                        help="complete traces needed for exit 0 (default 99.5)")
    arguments = parser.parse_args()
    try:
        exchanges = read_truth(arguments.truth, arguments.run)
    except TruthError as error:
        print(f"score.py: the truth contradicts itself: {error}", file=sys.stderr)
        return 2
    result = score(exchanges, read_spans(arguments.spans), arguments.untraced)
    print(table(result))
    good = result.complete_share * 100 >= arguments.at_least and not result.total("wrong")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
