"""grpc-go programs, uninstrumented: what the agent learns from probes on the library. The methods of channels that
are older than the agent, and which request a call is for when many are served at once."""

import collections
import http.client
import threading

import case_report
import rpc_score
from live_case import require
from otlp_lines import CLIENT, SERVER
from rpc_case import RpcCase, require_languages, rpc


def setUpModule():
    require()
    RpcCase.programs = require_languages("go")


class GrpcGoCase(RpcCase):
    def outcomes(self, tiers):
        return tiers.agent.metrics().by_label("kernspan_grpc_go_executables", "outcome")

    def wait_until_probed(self, tiers, executables=1):
        self.assertTrue(rpc.wait_until(
            lambda: tiers.agent.metrics().sum("kernspan_grpc_go_probed") >= executables, 20),
            f"{dict(self.outcomes(tiers))}\n{tiers.agent.log()}")

    def show_probes(self, tiers):
        self.show("executables", str(dict(self.outcomes(tiers))))
        self.show_counters(tiers)
        self.show("links", str(dict(tiers.agent.metrics().by_label("kernspan_span_links", "evidence"))))


class OldChannelsTest(GrpcGoCase):
    """The agent starts when the channels have been in use for a while, with calls that are all alike: their
    path is an index of an entry that was filled before, for as long as the channels live."""
    CHANNELS, EARLIER, FURTHER = 4, 100, 100
    EXACT_SHARE = 0.95

    def alike(self, run, count, first_size):
        return [rpc.sized(rpc.Call(id=f"{run}-{number}"), first_size + number) for number in range(count)]

    def test_methods_are_exact_and_never_wrong(self):
        server = self.start_server("go")
        client = self.start_client("go", server, self.CHANNELS, concurrency=8)
        client.call(self.alike("earlier", self.EARLIER * self.CHANNELS, 1000))
        tiers = self.start_agent()
        self.wait_until_probed(tiers)
        further = self.alike("further", self.FURTHER * self.CHANNELS, 3000)
        client.call(further)
        spans = self.wait_for_spans(tiers, {client.pid, server.pid}, 2 * len(further))
        self.show_probes(tiers)
        for name, pid, kind in (("client", client.pid, CLIENT), ("server", server.pid, SERVER)):
            mine = [span for span in spans if (span.pid, span.kind) == (pid, kind)]
            methods = collections.Counter(span.attributes.get("rpc.method") for span in mine)
            self.show(name, f"{len(mine)} spans, methods {dict(methods)}, "
                      f"partial {dict(collections.Counter(span.partial for span in mine))}")
            self.assertEqual(set(methods) - {None}, {"Unary"})
            self.assertEqual({span.attributes.get("rpc.service") for span in mine
                              if span.attributes.get("rpc.method")}, {rpc.SERVICE})
            self.assertGreaterEqual(methods["Unary"], self.EXACT_SHARE * len(further))
            # What the wire does not tell is still said to be missing.
            self.assertTrue(all(span.partial for span in mine if not span.attributes.get("rpc.method")))
        self.assert_ledgers_balance(tiers)

    def test_switched_off(self):
        server = self.start_server("go")
        client = self.start_client("go", server, 1, concurrency=8)
        client.call(self.alike("earlier", self.EARLIER, 1000))
        tiers = self.start_agent("uprobes: {grpc_go: false}")
        further = self.alike("further", self.FURTHER, 3000)
        client.call(further)
        spans = self.wait_for_spans(tiers, {client.pid, server.pid}, 2 * len(further))
        self.assertEqual({span.attributes.get("rpc.method") for span in spans}, {None})
        self.assertEqual(dict(self.outcomes(tiers)), {})


class LinksTest(GrpcGoCase):
    """A Go server that calls another one for each request, 32 at once on one connection."""
    CALLS, CONCURRENCY = 2000, 32
    RECALL = 0.99

    def test_calls_of_grpc_handlers(self):
        following = self.start_server("go")
        server = self.start_server("go", following.port)
        client = self.start_client("go", server, concurrency=self.CONCURRENCY)
        warm = [rpc.sized(rpc.Call(id=f"warm-{number}", method="Forward"), 200 + number)
                for number in range(50)]
        client.call(warm)
        tiers = self.start_agent()
        self.wait_until_probed(tiers)
        calls = [rpc.sized(rpc.Call(id=f"links-{number}", method="Forward"), 1000 + number)
                 for number in range(self.CALLS)]
        client.call(calls)
        expected = rpc_score.expectations(calls, client, server, following, rpc)
        spans = self.wait_for_spans(tiers, {client.pid, server.pid, following.pid}, len(expected))
        result = rpc_score.score(expected, spans)
        self.show("go -> go -> go", result.table())
        self.show_probes(tiers)
        self.assertEqual(result.onward["wrong"], 0)
        self.assertGreaterEqual(result.onward["right"], self.RECALL * self.CALLS)
        evidence = {span.evidence for span, each in result.pairs
                    if span.kind == CLIENT and each.pid == server.pid}
        self.assertEqual(evidence - {""}, {"goroutine"})
        self.assert_nothing_lost(tiers)
        self.assert_ledgers_balance(tiers)

    def test_calls_of_http_handlers(self):
        following = self.start_server("go")
        gateway = rpc.Server(self.programs, "go", self.folder, following.port, role="gateway")
        self.addCleanup(gateway.stop)
        self.post(gateway.port, "warm", 4)
        tiers = self.start_agent()
        self.wait_until_probed(tiers)
        self.post(gateway.port, "request", self.CALLS)
        spans = self.wait_for_spans(tiers, {gateway.pid, following.pid}, 3 * self.CALLS)
        by_id = {span.id: span for span in spans}
        requests = {span.path: span for span in spans
                    if (span.pid, span.kind) == (gateway.pid, SERVER) and span.path.startswith("/request")}
        self.assertEqual(len(requests), self.CALLS)
        handled = following.handled()
        links = collections.Counter()
        for span in spans:
            if (span.pid, span.kind) != (following.pid, SERVER):
                continue
            # The size of its message tells which request it is for: "/request-17" sends 17 + 1,000 bytes.
            call = by_id.get(span.parent)
            request = by_id.get(call.parent) if call else None
            path = self.path_of(rpc_score.message_size(span))
            if path not in requests:
                continue
            links["none" if request is None else "right" if request.path == path else "wrong"] += 1
        self.show("net/http -> go", f"{dict(links)}; {len(handled)} handled")
        self.show_probes(tiers)
        self.assertEqual(links["wrong"], 0)
        self.assertGreaterEqual(links["right"], self.RECALL * self.CALLS)
        self.assert_ledgers_balance(tiers)

    @staticmethod
    def path_of(message_bytes):
        return None if message_bytes is None else f"/request-{message_bytes - 1000}"

    def post(self, port, run, count):
        """Each on one of the connections that are kept open, with a body that makes its call's message as many
        bytes long as its number says."""
        numbers = iter(range(count))
        lock = threading.Lock()
        failures = []

        def work():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    break
                connection.request("POST", f"/{run}-{number}", body="x" * (1000 + number - 3))
                response = connection.getresponse()
                response.read()
                if response.status != 200:
                    failures.append(response.status)
            connection.close()
        workers = [threading.Thread(target=work) for _ in range(self.CONCURRENCY)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.assertEqual(failures, [])


if __name__ == "__main__":
    case_report.main("grpc_go_test")
