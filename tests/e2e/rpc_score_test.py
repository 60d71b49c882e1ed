"""The scorer of gRPC calls finds what is wrong, and nothing else."""

import unittest

import case_report
import rpc_score
from otlp_lines import CLIENT, SERVER, Span
from rpc_case import rpc

CLIENT_PID, SERVER_PID, NEXT_PID = 10, 20, 30
MS = 1_000_000


class Program:
    """What a client or a server of the workload logged."""

    def __init__(self, pid, made=None, handled=None):
        self.pid = pid
        self.made = made or {}
        self._handled = handled or {}

    def handled(self):
        return self._handled


class ScoreTest(unittest.TestCase):
    def setUp(self):
        calls = [rpc.Call(id="unary"), rpc.Call(id="failing", status=5),
                 rpc.Call(id="talk", method="Converse", messages=3, answers=3),
                 rpc.Call(id="forward", method="Forward"), rpc.Call(id="late", delay_ms=900, deadline_ms=50)]
        calls = [rpc.sized(call, 300 + number) for number, call in enumerate(calls)]
        calls[0] = rpc.with_traceparent(calls[0])
        self.calls = {call.id: call for call in calls}
        made, handled, behind = {}, {}, {}
        for number, call in enumerate(calls):
            start = 1000 * MS * number
            status = rpc.DEADLINE_EXCEEDED if call.deadline_ms else call.status
            answers = 0 if status else call.answers
            made[call.id] = rpc.Made(call.id, status, start, start + 100 * MS, call.messages, answers)
            # The one that is given up is still at work then.
            end = start + (900 if call.is_given_up else 80) * MS
            handled[call.id] = rpc.Handled(call.id, call.method, call.status, start + 20 * MS, end,
                                           call.messages, answers)
            if call.method == "Forward":
                behind[call.id] = rpc.Handled(call.id, "Unary", 0, start + 40 * MS, start + 60 * MS, 1, 1)
        self.client = Program(CLIENT_PID, made=made)
        self.server = Program(SERVER_PID, handled=handled)
        self.following = Program(NEXT_PID, handled=behind)
        self.spans = {}
        for call in calls:
            self.add_both(call, call.method, made[call.id].start_ns, CLIENT_PID, SERVER_PID)
        self.add_both(self.calls["forward"], "Unary", 3000 * MS + 20 * MS, SERVER_PID, NEXT_PID, 20,
                      parent="forward Forward server")

    def add_both(self, call, method, start, client_pid, server_pid, inset=0, parent=""):
        trace = rpc.trace_id_of(call.id) if call.traceparent != "-" else call.id
        for kind, pid, margin in ((CLIENT, client_pid, 5), (SERVER, server_pid, 10)):
            name = f"{call.id} {method} {rpc_score.KIND_NAMES[kind]}"
            to_server, to_client = rpc.message_bytes(call)
            status = None if call.is_given_up else call.status
            answers = 0 if call.status or call.is_given_up else call.answers
            flows = [(call.messages, call.messages * to_server), (answers, answers * to_client)]
            (sent, sent_bytes), (received, received_bytes) = flows if kind == CLIENT else flows[::-1]
            self.spans[name] = Span(
                trace, name, parent, kind, "x", pid, None, None, None,
                "wire" if kind == SERVER else "thread" if parent else "",
                "x" if call.status or call.is_given_up else None, None, start + margin * MS,
                start + (100 - 2 * inset - margin) * MS,
                {"rpc.system": "grpc", "rpc.service": rpc.SERVICE, "rpc.method": method,
                 "rpc.grpc.status_code": status, "kernspan.rpc.messages.sent": sent,
                 "kernspan.rpc.messages.received": received, "kernspan.rpc.message_bytes.sent": sent_bytes,
                 "kernspan.rpc.message_bytes.received": received_bytes})
            parent = name

    def change(self, name, **values):
        self.spans[name] = self.spans[name]._replace(**values)

    def change_attributes(self, name, **values):
        renamed = {key.replace("__", "."): value for key, value in values.items()}
        self.change(name, attributes=self.spans[name].attributes | renamed)

    def score(self):
        expected = rpc_score.expectations(list(self.calls.values()), self.client, self.server,
                                          self.following, rpc)
        return rpc_score.score(expected, self.spans.values())

    def totals(self, result):
        return tuple(sum(getattr(result, what).values()) for what in ("missing", "extra", "wrong"))

    def test_all_is_right(self):
        result = self.score()
        self.assertEqual(result.expected, 12)
        self.assertEqual(self.totals(result), (0, 0, 0), result.examples)
        self.assertEqual(dict(result.joins), {"right": 6})
        self.assertEqual(dict(result.onward), {"right": 1})
        self.assertEqual(result.overhangs_ms()[-1], 0)
        self.assertEqual(rpc_score.percentile(result.library_ms(), 0.5), 10)

    def test_missing_and_twice(self):
        del self.spans["unary Unary server"]
        self.spans["again"] = self.spans["failing Unary client"]._replace(id="again")
        self.assertEqual(self.totals(self.score()), (1, 1, 0))

    def test_wrong_values(self):
        for values in ({"rpc__method": "Collect"}, {"rpc__grpc__status_code": 0}, {"rpc__service": "other"},
                       {"kernspan__rpc__messages__received": 1, "kernspan__rpc__message_bytes__received": 9}):
            with self.subTest(**values):
                kept = self.spans["failing Unary client"]
                self.change_attributes("failing Unary client", **values)
                self.assertEqual(self.totals(self.score()), (0, 0, 1))
                self.spans["failing Unary client"] = kept

    def test_other_trace_than_the_headers(self):
        self.change("unary Unary client", trace="another")
        self.assertEqual(self.score().wrong["client", "Unary", "trace"], 1)

    def test_error_that_is_none(self):
        self.change("talk Converse client", error="CANCELLED")
        self.change("failing Unary client", error=None)
        self.assertEqual(self.totals(self.score()), (0, 0, 2))

    def test_call_that_was_given_up_has_no_status_of_its_own(self):
        self.change_attributes("late Unary client", **{"rpc__grpc__status_code": rpc.CANCELLED})
        self.assertEqual(self.totals(self.score()), (0, 0, 0))
        self.change_attributes("late Unary client", **{"rpc__grpc__status_code": 0})
        self.change("late Unary client", error=None)
        self.assertEqual(self.totals(self.score()), (0, 0, 1))

    def test_call_that_was_answered_while_it_was_given_up(self):
        late = self.server.handled()["late"]
        self.server.handled()["late"] = late._replace(end_ns=late.start_ns + 30 * MS)
        for side in ("client", "server"):
            self.change_attributes(f"late Unary {side}", **{"rpc__grpc__status_code": 0})
        self.change("late Unary client", error=None)
        self.assertEqual(self.totals(self.score()), (0, 0, 0))

    def test_call_that_was_given_up_unseen_by_its_server(self):
        del self.server.handled()["late"]
        result = self.score()
        self.assertEqual((result.expected, *self.totals(result)), (10, 0, 0, 0))
        del self.spans["late Unary client"], self.spans["late Unary server"]
        self.assertEqual(self.totals(self.score()), (0, 0, 0))

    def test_joined_with_another_call(self):
        self.change("talk Converse server", parent="unary Unary client")
        self.change("unary Unary server", parent="")
        self.assertEqual(dict(self.score().joins), {"right": 4, "wrong": 1, "missing": 1})

    def test_joined_without_evidence_of_the_wire(self):
        self.change("talk Converse server", evidence="traceparent")
        self.assertEqual(dict(self.score().joins), {"right": 5, "by traceparent": 1})

    def test_onward_call_under_another_request(self):
        self.change("forward Unary client", parent="talk Converse server")
        self.assertEqual(dict(self.score().onward), {"wrong": 1})
        self.change("forward Unary client", parent="")
        self.assertEqual(dict(self.score().onward), {"none": 1})

    def test_times(self):
        span = self.spans["talk Converse client"]
        self.change("talk Converse client", end_ns=span.end_ns + 12 * MS)  # 7 ms after its caller had it
        self.assertEqual(self.score().overhangs_ms()[-1], 7)
        self.change("talk Converse server", start_ns=span.start_ns + 30 * MS)  # 15 ms after its handler began
        self.assertEqual(self.score().overhangs_ms()[-1], 15)

    def test_calls_that_cannot_be_told_apart(self):
        self.calls["unary"] = rpc.sized(self.calls["unary"], 301)
        with self.assertRaises(rpc_score.WorkloadError):
            self.score()


if __name__ == "__main__":
    case_report.main("rpc_score_test")
