"""gRPC's 14 standard interoperability cases, by its own client and server in Go."""

import collections
import subprocess
import unittest

import case_report
from live_case import LiveCase, SpanWait, bin_folder, require
from otlp_lines import CLIENT, SERVER
from processes import Program, free_port, listens
from rpc_case import interop, rpc


TEST = "grpc.testing.TestService"
CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, UNAVAILABLE = 1, 2, 4, 12, 14
ANY = object()

# What a case does: (service, method, status, messages to the server, to the client) per call. Of the calls that
# the client gives up nothing is certain but the method; of the two that it may give up before they are
# on the wire not even that there is one. What the server refuses by its name alone it may answer before the client
# has sent the message, which then stays where it is.
CALLS = {
    "empty_unary": [(TEST, "EmptyCall", 0, 1, 1)],
    "large_unary": [(TEST, "UnaryCall", 0, 1, 1)],
    "client_streaming": [(TEST, "StreamingInputCall", 0, 4, 1)],
    "server_streaming": [(TEST, "StreamingOutputCall", 0, 1, 4)],
    "ping_pong": [(TEST, "FullDuplexCall", 0, 4, 4)],
    "empty_stream": [(TEST, "FullDuplexCall", 0, 0, 0)],
    "timeout_on_sleeping_server": [(TEST, "FullDuplexCall", ANY, ANY, ANY)],
    "cancel_after_begin": [(TEST, "StreamingInputCall", ANY, ANY, ANY)],
    "cancel_after_first_response": [(TEST, "FullDuplexCall", ANY, 1, 1)],
    "status_code_and_message": [(TEST, "UnaryCall", UNKNOWN, 1, 0),
                                (TEST, "FullDuplexCall", UNKNOWN, 1, 0)],
    "special_status_message": [(TEST, "UnaryCall", UNKNOWN, 1, 0)],
    "custom_metadata": [(TEST, "UnaryCall", 0, 1, 1), (TEST, "FullDuplexCall", 0, 1, 1)],
    "unimplemented_method": [(TEST, "UnimplementedCall", UNIMPLEMENTED, ANY, 0)],
    "unimplemented_service": [("grpc.testing.UnimplementedService", "UnimplementedCall", UNIMPLEMENTED, ANY, 0)],
}
MAY_BE_NONE = ("timeout_on_sleeping_server", "cancel_after_begin")

# The client's cancellation races with the end of its own stream: on a busy machine the call succeeds now and then.
CANCELLED_TOO_LATE = "CloseAndRecv() got error code 0, want 1"
SHORT_CONNECTIONS = 100


def setUpModule():
    require()
    try:
        InteropTest.client, InteropTest.server = interop.programs(bin_folder().parent / "tests")
    except rpc.Missing as missing:
        raise unittest.SkipTest(f"not installed: {missing}") from None


def _facts(span):
    attributes = span.attributes
    sent, received = (attributes.get(f"kernspan.rpc.messages.{word}") for word in ("sent", "received"))
    return (attributes.get("rpc.service"), attributes.get("rpc.method"),
            attributes.get("rpc.grpc.status_code"),
            *((sent, received) if span.kind == CLIENT else (received, sent)))


def _fits(facts, call):
    return all(want is ANY or have == want for have, want in zip(facts, call))


class InteropTest(LiveCase):
    client = server = None

    def run_case(self, case, port):
        """The pid of the client; it checks the outcome itself."""
        with subprocess.Popen([self.client, "--server_host=127.0.0.1", f"--server_port={port}",
                               f"--test_case={case}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True) as process:
            output, _ = process.communicate(timeout=30)
            if case != "cancel_after_begin" or CANCELLED_TOO_LATE not in output:
                self.assertEqual(process.returncode, 0, f"{case}: {output}")
            return process.pid

    def start_server(self):
        """The server program and its port."""
        port = free_port()
        server = Program("interop server", [self.server, f"--port={port}"], self.folder / "server.log")
        self.addCleanup(server.stop)
        server.wait_for(lambda: listens(port), f"listens on {port}")
        return server, port

    def test_connections_of_one_call(self):
        """Both directions of a Go connection begin at once, on two CPUs: none goes unseen."""
        server, port = self.start_server()
        tiers = self.start_tiers()
        pids = [self.run_case("special_status_message", port) for _ in range(SHORT_CONNECTIONS)]
        spans = SpanWait(tiers.spans).until(
            lambda spans: sum(span.pid in pids or span.pid == server.pid for span in spans)
            >= 2 * SHORT_CONNECTIONS)
        seen = collections.Counter(span.pid for span in spans)
        self.assertEqual([pid for pid in pids if seen[pid] != 1], [])
        self.assertEqual(seen[server.pid], SHORT_CONNECTIONS)
        self.assert_nothing_lost(tiers)

    def test_standard_cases(self):
        self.assertEqual(set(CALLS), set(interop.CASES))
        server, port = self.start_server()
        tiers = self.start_tiers()
        pids = {self.run_case(case, port): case for case in CALLS}
        everything = SpanWait(tiers.spans).until(
            lambda spans: sum(span.pid in pids or span.pid == server.pid for span in spans)
            >= 2 * sum(map(len, CALLS.values())))
        clients, servers = collections.defaultdict(list), {}
        for span in everything:
            if span.pid in pids:
                self.assertEqual(span.kind, CLIENT)
                clients[pids[span.pid]].append(span)
            elif span.pid == server.pid:
                self.assertEqual(span.kind, SERVER)
                self.assertNotIn(span.parent, servers, "two server spans under one client span")
                servers[span.parent] = span
        for case, calls in CALLS.items():
            with self.subTest(case=case):
                self.check_case(calls, case in MAY_BE_NONE, clients[case], servers)
        self.assertEqual(len(servers), 0, f"no client span: {list(servers.values())[:3]}")
        self.assert_nothing_lost(tiers)
        self.assert_ledgers_balance(tiers)

    def check_case(self, calls, may_be_none, spans, servers):
        """Takes the server spans of the case out of `servers`."""
        if may_be_none and not spans:
            return
        self.assertEqual(len(spans), len(calls), [_facts(span) for span in spans])
        for call in calls:
            span = next((span for span in spans if _fits(_facts(span), call)), None)
            self.assertIsNotNone(span, f"{call} is not among {[_facts(span) for span in spans]}")
            self.assertIsNone(span.partial)
            status = span.attributes.get("rpc.grpc.status_code")
            self.assertEqual(bool(span.error), status != 0)
            if call[2] is ANY:
                # The program ends right after: often the connection is gone before the reset is sent.
                self.assertIn(status, (None, 0, CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE))
            other = servers.pop(span.id, None)
            if other is None and may_be_none:
                continue  # given up before the server had it
            self.assertIsNotNone(other, f"no server span under {span}")
            self.assertEqual(other.evidence, "wire")
            self.assertTrue(_fits(_facts(other), call), _facts(other))
            self.assertLessEqual(span.start_ns, other.start_ns)
            if call[2] is not ANY:  # what the client gave up the server may go on with
                self.assertLessEqual(other.end_ns, span.end_ns)


if __name__ == "__main__":
    case_report.main("grpc_interop_test")
