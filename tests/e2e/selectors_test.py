"""What the agent traces and shows of real programs: selectors by executable and port, a file of selectors that is
swapped as the kubelet does it, headers, redaction, path templates; and no secret anywhere."""

import http.client
import http.server
import json
import secrets
import subprocess
import threading
import unittest

import case_report
from live_case import LiveCase, require
from otlp_lines import CLIENT, SERVER, SpanFile
from processes import free_port, wait_until
from tiers import Daemon

WAIT_SECONDS_MAX = 60

AGENT = """
receivers:
  ebpf:
    selectors_file: {selectors}
processors:
  batch: {{timeout: 200ms}}
exporters:
  file: {{path: {spans}, flush_interval: 200ms}}
service:
  pipelines:
    traces: {{receivers: [ebpf], processors: [batch], exporters: [file]}}
  telemetry:
    metrics:
      readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: "${{env:KERNSPAN_METRICS_PORT}}"}}}}}}}}]
"""

HTTP = """
http:
  url_query: true
  request_headers: [x-request-id, authorization, cookie, referer]
  response_headers: [x-served-by, set-cookie]
  redaction: {{patterns: ["key-{mark}-[a-z]+"], query_keys: [token]}}
  path_templates: {{routes: ["/hello/{{name}}"], automatic: true}}
"""
ONLY_NGINX_AND_CALLERS = """
selectors:
  - {{name: quiet, match: {{server_port: {quiet}}}, action: ignore}}
  - match: {{executable: [nginx, curl]}}
  - action: ignore
"""
WITHOUT_NGINX = """
selectors:
  - {{name: nginx, match: {{executable: ngin*}}, action: ignore}}
"""


def setUpModule():
    require(programs=("curl",), services=("nginx",))


class Quiet(http.server.BaseHTTPRequestHandler):
    """A server that is not nginx."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("X-Served-By", "quiet")
        self.send_header("Set-Cookie", self.headers.get("Cookie", "none"))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class SelectorsTest(LiveCase):
    def setUp(self):
        super().setUp()
        self.mark = secrets.token_hex(6)
        self.secret = secrets.token_hex(12)
        self.stack = self.start_services("nginx")
        self.quiet = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Quiet)
        self.addCleanup(self.quiet.server_close)
        self.addCleanup(self.quiet.shutdown)
        threading.Thread(target=self.quiet.serve_forever, daemon=True).start()
        self.versions = 0
        self.mount(HTTP + ONLY_NGINX_AND_CALLERS)
        config = self.folder / "agent.yaml"
        self.spans = self.folder / "spans.jsonl"
        config.write_text(AGENT.format(selectors=self.folder / "selectors.yaml", spans=self.spans),
                          encoding="utf-8")
        self.agent = Daemon("agent", self.folder, {}, configs=[config])
        self.addCleanup(self.agent.stop)
        self.file = SpanFile(self.spans)
        self.seen = []

    def mount(self, text):
        """As the kubelet does it: a new folder, and one link that is swapped."""
        self.versions += 1
        version = self.folder / f"..version-{self.versions}"
        version.mkdir()
        (version / "selectors.yaml").write_text(
            text.format(mark=self.mark, quiet=self.quiet.server_port), encoding="utf-8")
        link = self.folder / "..tmp"
        link.symlink_to(version)
        link.rename(self.folder / "..data")
        if not (self.folder / "selectors.yaml").exists():
            (self.folder / "selectors.yaml").symlink_to("..data/selectors.yaml")

    def file_reads(self, outcome):
        return self.agent.metrics().sum("kernspan_selectors_file_reads", outcome=outcome)

    def curl(self, port, path, *arguments):
        subprocess.run(["curl", "--silent", "--show-error", "--output", "/dev/null", *arguments,
                        f"http://127.0.0.1:{port}{path}"], check=True, timeout=60)

    def spans_of(self, path, count):
        """The spans whose path begins so, once there are that many."""
        def found():
            self.seen += self.file.read()
            spans = [span for span in self.seen if (span.path or "").startswith(path)]
            return spans if len(spans) >= count else None
        spans = wait_until(found, WAIT_SECONDS_MAX)
        self.assertTrue(spans, f"{count} spans of {path}")
        return spans

    def texts(self, span, key):
        value = span.attributes.get(key)
        return value and [each["stringValue"] for each in value["values"]]

    def test_what_is_shown_and_what_is_not(self):
        nginx = self.stack.ports["nginx"]
        self.curl(nginx, f"/hello/{self.mark}?a=1&sig={self.secret}&token={self.secret}",
                  "--header", f"Authorization: Bearer {self.secret}",
                  "--header", f"X-Request-Id: id-{self.mark}",
                  "--header", f"X-Other: {self.secret}",
                  "--header", f"Referer: http://u:{self.secret}@other.example/x?sig={self.secret}",
                  "--cookie", f"session={self.secret}")
        # What stands behind "key-" is a secret by its pattern only.
        letters = "".join(chr(ord("a") + int(digit, 16)) for digit in self.secret)
        self.curl(nginx, f"/missing-{self.mark}/key-{self.mark}-{letters}",
                  "--user-agent", f"bot key-{self.mark}-{letters}")
        shown = self.spans_of(f"/hello/{self.mark}", 2)
        self.assertEqual({span.kind for span in shown}, {SERVER, CLIENT})
        for span in shown:
            self.assertEqual(self.texts(span, "http.request.header.x-request-id"), [f"id-{self.mark}"])
            for name in ("authorization", "cookie"):
                self.assertEqual(self.texts(span, f"http.request.header.{name}"), ["REDACTED"])
            self.assertEqual(self.texts(span, "http.request.header.referer"),
                             ["http://other.example/x?sig=REDACTED"])
            self.assertEqual(span.attributes["url.query"], "a=1&sig=REDACTED&token=REDACTED")
            route = "http.route" if span.kind == SERVER else "url.template"
            self.assertEqual(span.attributes[route], "/hello/{name}")
        redacted = self.spans_of(f"/missing-{self.mark}/REDACTED", 2)
        for span in redacted:
            self.assertEqual(span.attributes["user_agent.original"], "bot REDACTED")
            self.assertNotIn("http.route", span.attributes)
        names = [json.loads(line) for line in self.spans.read_text(encoding="utf-8").splitlines()]
        names = {span["name"] for request in names for resource in request["resourceSpans"]
                 for scope in resource["scopeSpans"] for span in scope["spans"]}
        self.assertIn("GET /hello/{name}", names)
        # What nobody named is nowhere, in whatever form.
        self.assertEqual(self.agent.stop(), 0)
        for path in (self.spans, self.agent.log_path):
            text = path.read_text(encoding="utf-8")
            self.assertNotIn(self.secret, text, path)
            self.assertNotIn(letters, text, path)
            self.assertNotIn("x-other", text.lower(), path)

    def test_rules_change_with_their_file(self):
        nginx, quiet = self.stack.ports["nginx"], self.quiet.server_port
        self.curl(quiet, f"/quiet/{self.mark}")
        self.curl(nginx, f"/hello/first-{self.mark}")
        self.spans_of(f"/hello/first-{self.mark}", 2)
        self.assertEqual([span for span in self.seen if self.mark in (span.path or "") and
                          "quiet" in span.path], [], "its port is ignored, at both ends")
        ignored = wait_until(lambda: self.agent.metrics().sum("kernspan_selected_exchanges",
                                                              outcome="ignored"), WAIT_SECONDS_MAX)
        self.assertEqual(ignored, 1, "curl's; the other program is not looked at")

        self.mount("selectors: [{{acton: ignore}}]")
        self.assertTrue(wait_until(lambda: self.file_reads("refused") == 1, WAIT_SECONDS_MAX))
        self.assertIn("acton", self.agent.log())
        self.curl(nginx, f"/hello/second-{self.mark}")
        self.spans_of(f"/hello/second-{self.mark}", 2)

        self.mount(HTTP + WITHOUT_NGINX)
        self.assertTrue(wait_until(lambda: self.file_reads("taken") == 1, WAIT_SECONDS_MAX))
        self.curl(quiet, f"/quiet/then-{self.mark}", "--cookie", f"id={self.secret}")
        spans = self.spans_of(f"/quiet/then-{self.mark}", 2)
        for span in spans:
            self.assertEqual(self.texts(span, "http.response.header.x-served-by"), ["quiet"])
            self.assertEqual(self.texts(span, "http.response.header.set-cookie"), ["REDACTED"])
        self.curl(nginx, f"/hello/third-{self.mark}")
        self.curl(quiet, f"/quiet/last-{self.mark}")
        self.spans_of(f"/quiet/last-{self.mark}", 2)
        kinds = [span.kind for span in self.spans_of(f"/hello/third-{self.mark}", 1)]
        self.assertEqual(kinds, [CLIENT], "nginx is ignored now, its caller is not")
        self.assertGreaterEqual(self.agent.metrics().sum("kernspan_reselected_processes"), 2)
        self.assertEqual(self.agent.metrics().unbalanced(), {})
        self.assertEqual(self.agent.stop(), 0)
        self.assertNotIn(self.secret, self.spans.read_text(encoding="utf-8"))
        balances = set(self.agent.summary().values())
        self.assertEqual(balances, {"balances"}, self.agent.summary())

    def test_sampled_traces_are_whole(self):
        self.mount("selectors: [{{sampling_ratio: 0.5}}]")
        self.assertTrue(wait_until(lambda: self.file_reads("taken") == 1, WAIT_SECONDS_MAX))
        connection = http.client.HTTPConnection("127.0.0.1", self.stack.ports["nginx"], timeout=30)
        self.addCleanup(connection.close)
        requests = 200
        for serial in range(requests):
            connection.request("GET", f"/hello/{self.mark}-{serial}")
            connection.getresponse().read()
        def all_decided():
            metrics = self.agent.metrics()
            written = metrics.sum("kernspan_stage_passed_on", stage="ebpf/exchanges")
            out = metrics.sum("kernspan_selected_exchanges", outcome="sampled_out")
            return written + out >= 2 * requests and out
        self.assertTrue(wait_until(all_decided, WAIT_SECONDS_MAX))
        self.assertEqual(self.agent.stop(), 0)
        self.seen += self.file.read()
        spans = [span for span in self.seen if self.mark in (span.path or "")]
        kept = {}
        for span in spans:
            kept.setdefault(span.trace, set()).add(span.kind)
            self.assertEqual(span.attributes["sampling.adjusted_count"], 2)
            self.assertGreaterEqual(int(span.trace[-14:], 16), 1 << 55, "by the trace id")
        self.assertEqual([kinds for kinds in kept.values() if kinds != {SERVER, CLIENT}], [])
        print(f"    {len(kept)} of {requests} traces", flush=True)
        self.assertTrue(60 <= len(kept) <= 140, len(kept))  # 5.6 standard deviations


if __name__ == "__main__":
    case_report.main("selectors_test")
