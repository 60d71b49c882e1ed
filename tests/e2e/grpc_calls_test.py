"""gRPC programs of five languages, uninstrumented: every call is a CLIENT and a SERVER span with its method,
its status, its numbers of messages and its time, joined by what was on the wire."""

import collections

import case_report
import rpc_score
from live_case import require
from otlp_lines import CLIENT, SERVER
from packet_capture import Capture
from rpc_case import RING, RpcCase, require_languages, rpc


def setUpModule():
    require(programs=("tshark",))
    RpcCase.programs = require_languages(*rpc.LANGUAGES)


class PairsTest(RpcCase):
    """1,000 calls of every kind, 32 at once on one connection; then some, one at a time."""
    CALLS, CONCURRENCY = 1000, 32
    WARM_UP, ALONE = 300, 100  # the first calls of a Java program take milliseconds to be compiled
    # Of the spans, at least this share lies within a millisecond of the brackets that the programs' own
    # clocks set; the others were hit by the scheduler, at the worst for some of its time slices.
    WITHIN_SHARE, OVERHANG_MS_MAX = 0.99, 100
    # With nothing else in flight the caller has at most this more than its span: the time of its library.
    # So it is for the best tenth at least; the others' time depends on what else the machine does.
    LIBRARY_MS_MAX, LIBRARY_SHARE = 1.0, 0.1

    def trace_pair(self, client_language, server_language):
        following = self.start_server(server_language)
        server = self.start_server(server_language, following.port)
        client = self.start_client(client_language, server, concurrency=self.CONCURRENCY)
        calls = rpc.mixed_calls(f"{client_language}-{server_language}", self.CALLS)
        client.call(calls)
        # Alone, each call takes as long as it takes: there is no queue that only the caller sees.
        slow = self.start_client(client_language, server, concurrency=1)
        alone = [rpc.sized(rpc.Call(id=f"alone-{number}", delay_ms=number % 4 if number >= self.WARM_UP else 0),
                           5000 + number) for number in range(self.WARM_UP + self.ALONE)]
        slow.call(alone)
        for each in (client, slow):
            self.assertEqual(each.finish(), 0, f"{client_language} client")
        given_up = [call.id for call in calls if call.is_given_up]
        rpc.wait_until(lambda: all(each in server.handled() for each in given_up), 3)

        def expected(of, which):
            return rpc_score.expectations(which, of, server, following, rpc)
        return expected(client, calls), expected(slow, alone)

    def test_all_languages(self):
        tiers = self.start_agent()
        expected = {pair: self.trace_pair(*pair) for pair in RING}
        everything = [each for both in expected.values() for half in both for each in half]
        spans = self.wait_for_spans(tiers, {each.pid for each in everything},
                                    rpc_score.required(everything))
        self.show_counters(tiers)
        for (client, server), (together, alone) in expected.items():
            with self.subTest(client=client, server=server):
                self.check_pair(f"{client} -> {server}", together, alone, spans)
        self.assert_nothing_lost(tiers)
        self.assert_ledgers_balance(tiers)

    def check_pair(self, title, together, alone, spans):
        result = rpc_score.score(together + alone, spans)
        self.show(title, result.table())
        self.assert_complete(result)
        self.assertFalse(result.partial, "spans say that something was not seen")
        servers = sum(span.kind == SERVER for span, _ in result.pairs)
        self.assertEqual(dict(result.joins), {"right": servers})
        self.assertEqual(result.onward["wrong"], 0)
        self.assertGreaterEqual(result.within_share(), self.WITHIN_SHARE)
        self.assertLess(result.overhangs_ms()[-1], self.OVERHANG_MS_MAX)
        clients = {each.pid for each in alone if each.kind == CLIENT}
        calls = [each for each in alone if each.kind == CLIENT]
        last = rpc_score.score(calls, spans, lambda span: span.pid in clients).pairs[-self.ALONE:]
        library = sorted(rpc_score.library_ms(span, each) for span, each in last)
        self.show("one at a time", "caller minus client span, ms: " + rpc_score.percentiles(library))
        self.assertLess(rpc_score.percentile(library, self.LIBRARY_SHARE), self.LIBRARY_MS_MAX)


class JoinedInTheMiddleTest(RpcCase):
    """The agent starts when the channels have been in use for a while.

    The method is a reference to an entry of a table that was filled before: it is known again when
    the client's library sends it in full, because the entry has been pushed out by newer ones. So the
    calls have headers that change: a deadline, from seconds to hours (gRPC's C core keeps deadlines that
    are within 3 % of each other as one entry), and a third of them a traceparent. A channel whose
    calls are all alike never says its methods again; only a program can. Where one of the two programs does
    (Go, and C++ through the shared library of gRPC's C core), or where the reference is still known (Node.js), both
    ends have their methods from the start. Every pair has one of these.
    """
    CHANNELS, EARLIER, FURTHER, THEN = 2, 400, 100, 100
    EXACT_SHARE = 0.95
    # Of a channel: calls that may go by while its place in the frames is found.
    UNSEEN_MAX = 2

    def setUp(self):
        super().setUp()
        self.ends = []
        for client_language, server_language in RING:
            server = self.start_server(server_language)
            client = self.start_client(client_language, server, self.CHANNELS, concurrency=8)
            client.call(self.calls("earlier", self.EARLIER, 1000))
            # A channel whose calls are all alike.
            plain = self.start_client(client_language, server, concurrency=8)
            plain.call(self.plain_calls("earlier-plain", 4000))
            self.ends.append((f"{client_language} -> {server_language}", client, server, plain))

    def plain_calls(self, run, first_size):
        return [rpc.sized(rpc.Call(id=f"{run}-{number}"), first_size + number)
                for number in range(self.FURTHER)]

    def calls(self, run, count, first_size):
        """Each of the channels gets the same methods, and messages of lengths of their own."""
        methods = ("Unary", "Unary", "Collect", "Expand", "Converse")

        def one(number):
            method = methods[number // self.CHANNELS % len(methods)]
            return rpc.sized(rpc.Call(
                id=f"{run}-{number}", method=method, status=5 if method == "Unary" and number % 7 == 0 else 0,
                messages=2 if method in ("Collect", "Converse") else 1,
                answers=2 if method in ("Expand", "Converse") else 1,
                deadline_ms=int(5000 * 10 ** (number * 0.618 % 1 * 3.5))), first_size + number)
        calls = [one(number) for number in range(count)]
        return [rpc.with_traceparent(call) if number % 3 == 0 else call
                for number, call in enumerate(calls)]

    def test_methods_are_exact_soon_and_never_wrong(self):
        tiers = self.start_agent()
        further = self.calls("further", self.FURTHER * self.CHANNELS, 2000)
        then = self.calls("then", self.THEN * self.CHANNELS, 3000)
        alike = self.plain_calls("plain", 5000)
        for _, client, _, plain in self.ends:
            client.call(further)
            made = client.call(then)
            self.assertEqual([call for call in further + then if made[call.id].status != call.status], [])
            plain.call(alike)
        pids = {each.pid for _, *programs in self.ends for each in programs}
        spans = self.wait_for_spans(tiers, pids, 2 * len(further + then + alike) * len(self.ends))
        self.show_counters(tiers)
        for title, client, server, plain in self.ends:
            for name, end, kind, calls in (("client", client, CLIENT, further + then),
                                           ("server", server, SERVER, further + then + alike),
                                           ("client of like calls", plain, CLIENT, alike)):
                with self.subTest(pair=title, end=name):
                    seen = self.check_end(calls, [
                        span for span in spans if (span.pid, span.kind) == (end.pid, kind)])
                    shares = {part: sum(call.id in seen and bool(seen[call.id].attributes.get("rpc.method"))
                                        for call in which) / len(which)
                              for part, which in (("first", further), ("next", then), ("alike", alike))
                              if which[0] in calls}
                    self.show(f"{title}, {name}", f"{len(seen)} of {len(calls)} calls; with their methods: "
                              + ", ".join(f"{part} {share:.1%}" for part, share in shares.items()))
                    for part, share in shares.items():
                        self.assertGreaterEqual(share, self.EXACT_SHARE, part)

    def check_end(self, expected, spans):
        """The spans by id of their call. They lack what could not be known, and say so; nothing is wrong."""
        calls = {rpc.message_bytes(call)[0]: call for call in expected}
        seen = {}
        for span in spans:
            call = calls.get(rpc_score.message_size(span))
            if call is None:
                # Its messages were not all seen: nothing tells which call it is. It must say so itself.
                self.assertIsNotNone(span.partial, span)
                continue
            self.assertNotIn(call.id, seen)
            seen[call.id] = span
            for name, right in (("rpc.service", rpc.SERVICE), ("rpc.method", call.method),
                                ("rpc.grpc.status_code", call.status)):
                value = span.attributes.get(name)
                if value != right:
                    self.assertIsNone(value, f"{name} of {call} is wrong: {span}")
                    self.assertIsNotNone(span.partial, span)
            if call.traceparent != "-" and span.evidence == "traceparent":
                self.assertEqual(span.trace, rpc.trace_id_of(call.id))

        self.assertLessEqual(len(spans), len(calls))
        self.assertGreaterEqual(len(spans), len(calls) - self.UNSEEN_MAX * (self.CHANNELS + 1))
        return seen


class OracleTest(RpcCase):
    """tshark reads the same traffic: what the spans say is what was on the wire."""
    CALLS = 300

    def test_tshark_agrees(self):
        tiers = self.start_agent()
        for pair in (("java", "cpp"), ("python", "go")):
            with self.subTest(pair=pair):
                self.compare(tiers, *pair)

    def compare(self, tiers, client_language, server_language):
        server = self.start_server(server_language)
        capture = Capture(self.folder / f"{client_language}.pcap", server.port)
        self.addCleanup(capture.stop)
        client = self.start_client(client_language, server)
        calls = [call for call in rpc.mixed_calls("oracle", self.CALLS)
                 if not call.is_given_up and call.method != "Forward"]
        client.call(calls)
        self.assertEqual(client.finish(), 0)
        on_wire = capture.headers(len(calls))
        spans = self.wait_for_spans(tiers, {client.pid, server.pid}, 2 * len(calls))
        self.show(f"{client_language} -> {server_language}",
                  f"tshark saw {sum(on_wire[':path'].values())} calls")
        self.assertEqual(sum(on_wire[":path"].values()), len(calls))
        for kind in (CLIENT, SERVER):
            attributes = [span.attributes for span in spans if span.kind == kind]
            self.assertEqual(collections.Counter(
                f"/{each.get('rpc.service')}/{each.get('rpc.method')}" for each in attributes),
                on_wire[":path"])
            self.assertEqual(collections.Counter(str(each.get("rpc.grpc.status_code")) for each in attributes),
                             on_wire["grpc-status"])


class LongStreamTest(RpcCase):
    """A conversation of 10 minutes, 30 times as fast: 20 s, with the agent's timeouts divided by 30."""
    MESSAGES, INTERVAL_MS = 40, 500

    def test_one_span_with_the_true_duration(self):
        server = self.start_server("go")
        client = self.start_client("cpp", server)
        tiers = self.start_agent("exchange_timeout: 10s, stream_report_interval: 2s")
        call = rpc.Call(id="long", method="Converse", messages=self.MESSAGES, answers=self.MESSAGES,
                        delay_ms=self.INTERVAL_MS)
        client.ask([call])
        # Others come and go on the same connection meanwhile.
        beside = [rpc.sized(rpc.Call(id=f"beside-{number}"), 200 + number) for number in range(100)]
        client.call(beside, seconds_max=60)
        self.assertEqual(client.finish(), 0)
        made = client.made[call.id]
        self.assertEqual((made.status, made.sent, made.received), (0, self.MESSAGES, self.MESSAGES))
        expected = rpc_score.expectations([call, *beside], client, server, None, rpc)
        spans = self.wait_for_spans(tiers, {client.pid, server.pid}, len(expected))
        result = rpc_score.score(expected, spans)
        self.show("cpp -> go", result.table())
        self.assert_complete(result)
        self.assertEqual(dict(result.joins), {"right": 1 + len(beside)})
        conversation = [span for span, each in result.pairs if each.call_id == call.id]
        for span, each in result.pairs:
            if each.call_id == call.id:
                self.assertLess(rpc_score.overhang_ms(span, each), 20)
        # While it lived it was reported now and then, as its own children.
        interim = collections.Counter(span.parent for span in spans
                                      if span.attributes.get("kernspan.interim"))
        self.show("interim reports", str(list(interim.values())))
        for span in conversation:
            self.assertTrue(2 <= interim[span.id] <= 10, interim)
        self.assertEqual(len(interim), len(conversation))
        self.assert_ledgers_balance(tiers)


class BodiesTest(RpcCase):
    """Messages of 1 MB: what crosses the ring is less than a thousandth of them."""
    CALLS, MESSAGE_BYTES, SHARE_MAX = 100, 1_000_000, 0.001

    def test_bodies_do_not_cross_the_ring(self):
        record = self.folder / "events"
        server = self.start_server("python")
        tiers = self.start_agent(f"record_file: {record}")
        client = self.start_client("cpp", server, concurrency=4)
        calls = [rpc.Call(id=f"big-{number:03}", payload_bytes=self.MESSAGE_BYTES + number)
                 for number in range(self.CALLS)]
        client.call(calls)
        spans = self.wait_for_spans(tiers, {client.pid, server.pid}, 2 * self.CALLS)
        expected = rpc_score.expectations(calls, client, server, None, rpc)
        result = rpc_score.score(expected, spans)
        self.show("cpp -> python, 1 MB each way", result.table())
        self.assert_complete(result)
        self.assert_ledgers_balance(tiers)
        # The recording has all that came over the ring, of other programs too.
        ring, carried = record.stat().st_size, 2 * self.CALLS * self.MESSAGE_BYTES
        self.show("the ring", f"{ring} bytes for {carried} bytes of messages: {ring / carried:.4%}")
        self.assertLess(ring, self.SHARE_MAX * carried)


if __name__ == "__main__":
    case_report.main("grpc_calls_test")
