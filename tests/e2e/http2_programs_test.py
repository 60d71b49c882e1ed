"""HTTP/2 without gRPC: nginx, nghttpx and HAProxy under curl and h2load. Every request has a path of its own."""

import collections
import getpass
import json
import secrets
import subprocess

import case_report
from live_case import PATH, LiveCase, SpanWait, require
from otlp_lines import CLIENT, SERVER
from processes import Program, free_port, listens
from tiers import CONFIGS

NGINX_CONFIG = """
user @USER@;
worker_processes 2;
daemon off;
pid @DIR@/nginx.pid;
error_log @DIR@/nginx-error.log;
events { worker_connections 1024; }
http {
  map $server_port $is_front { @PORT@ 1; }
  log_format truth escape=json '["$request_method", "$request_uri", $status]';
  access_log @DIR@/served.jsonl truth if=$is_front;
  keepalive_requests 1000000;
  client_body_temp_path @DIR@/body;
  proxy_temp_path @DIR@/proxy;
  fastcgi_temp_path @DIR@/fastcgi;
  uwsgi_temp_path @DIR@/uwsgi;
  scgi_temp_path @DIR@/scgi;
  server {
    listen 127.0.0.1:@PORT@ http2;
    location /hello/ { return 200 "hello"; }
    location /gone/ { return 404 "gone"; }
    # It reads the body before it answers; `return` would reset the stream.
    location /post/ { rewrite ^ /stored break; proxy_pass http://127.0.0.1:@BACK@; }
  }
  server {
    listen 127.0.0.1:@BACK@;
    location / { return 201 "stored"; }
  }
}
"""

HAPROXY_CONFIG = """
global
  maxconn 1000
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend front
  bind 127.0.0.1:@FRONT@
  default_backend back
backend back
  server nginx 127.0.0.1:@PORT@ proto h2
"""


def setUpModule():
    require(programs=("nginx", "curl", "h2load", "nghttp", "nghttpx", "haproxy"))


class Http2Case(LiveCase):
    def setUp(self):
        super().setUp()
        self.mark = secrets.token_hex(6)
        self.port, self.back = free_port(), free_port()
        self.start_program("nginx", ["nginx", "-p", self.folder, "-c", self.config("nginx.conf", NGINX_CONFIG),
                                     "-e", self.folder / "nginx-start.log"], self.port)

    def config(self, name, text, **values):
        values |= {"USER": getpass.getuser(), "DIR": self.folder, "PORT": self.port, "BACK": self.back}
        for key, value in values.items():
            text = text.replace(f"@{key}@", str(value))
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def start_program(self, name, command, port):
        program = Program(name, command, self.folder / f"{name}.log", {"PATH": PATH})
        self.addCleanup(program.stop)
        program.wait_for(lambda: listens(port), f"listens on {port}")
        return program

    def start_agent(self):
        overlay = self.folder / "agent.yaml"
        overlay.write_text("receivers: {ebpf: {ring_buffer_size: 64MiB}}\n", encoding="utf-8")
        return self.start_tiers(agent_configs=[CONFIGS / "agent.yaml", overlay])

    def curl(self, *arguments):
        done = subprocess.run(
            ["curl", "--silent", "--show-error", "--output", "/dev/null",
             "--write-out", "%{http_version} %{http_code}\\n", *arguments],
            check=True, timeout=60, stdout=subprocess.PIPE, text=True)
        return done.stdout.split("\n")[0]

    def h2load(self, port, paths, *arguments):
        uris = self.folder / "uris"
        uris.write_text("".join(f"http://127.0.0.1:{port}{path}\n" for path in paths), encoding="utf-8")
        return subprocess.run(["h2load", f"--requests={len(paths)}", "--threads=1", f"--input-file={uris}",
                               *arguments], check=True, timeout=60, capture_output=True, text=True).stdout

    def served(self):
        """What nginx served, by its own log: {(method, path, status): count}."""
        log = (self.folder / "served.jsonl").read_text(encoding="utf-8")
        return collections.Counter(tuple(json.loads(line)) for line in log.splitlines())

    def spans(self, tiers, count):
        def is_marked(span):
            return self.mark in (span.path or "")
        spans = SpanWait(tiers.spans).until(
            lambda spans: sum(is_marked(span) for span in spans) >= count)
        return [span for span in spans if is_marked(span)]

    def check(self, spans, wanted, services):
        """Each request is one span of each of (service, kind), in their order each the parent of the next."""
        for service, kind in services:
            seen = collections.Counter((span.method, span.path, span.status) for span in spans
                                       if (span.service, span.kind) == (service, kind))
            self.assertEqual(sum((seen - wanted).values()), 0,
                             f"{service}: more than there were, e.g. {list(seen - wanted)[:3]}")
            self.assertEqual(sum((wanted - seen).values()), 0,
                             f"{service}: missing, e.g. {list(wanted - seen)[:3]}")
        by_id = {span.id: span for span in spans}
        order = list(services)
        for span in spans:
            place = order.index((span.service, span.kind))
            if span.kind == SERVER and place:
                parent = by_id.get(span.parent)
                self.assertIsNotNone(parent, span)
                self.assertEqual((parent.service, parent.kind, parent.path),
                                 (*order[place - 1], span.path))
                self.assertEqual(span.evidence, "wire")
                self.assertTrue(parent.start_ns <= span.start_ns and span.end_ns <= parent.end_ns)
            self.assertIsNone(span.partial, span)
        return by_id


class ClientsTest(Http2Case):
    NGINX = (("curl", CLIENT), ("nginx", SERVER))

    def test_curl_with_prior_knowledge(self):
        tiers = self.start_agent()
        url, wanted = f"http://127.0.0.1:{self.port}", collections.Counter()
        for serial in (f"{self.mark}-{number}" for number in range(10)):
            for method, path, status, arguments in (
                    ("GET", f"/hello/{serial}", 200, ()), ("HEAD", f"/hello/head-{serial}", 200, ("--head",)),
                    ("POST", f"/post/{serial}", 201, ("--data", "x" * 3000)),
                    ("DELETE", f"/gone/{serial}", 404, ("--request", "DELETE"))):
                self.assertEqual(self.curl("--http2-prior-knowledge", *arguments, url + path), f"2 {status}")
                wanted[method, path, status] += 1
        self.assertEqual(self.served(), wanted)
        self.check(self.spans(tiers, 2 * sum(wanted.values())), wanted, self.NGINX)

    def test_nghttp_over_one_connection(self):
        tiers = self.start_agent()
        paths = [f"/hello/{self.mark}-{number}" for number in range(100)]
        subprocess.run(["nghttp", "--null-out", *(f"http://127.0.0.1:{self.port}{path}" for path in paths)],
                       check=True, timeout=60)
        wanted = collections.Counter({("GET", path, 200): 1 for path in paths})
        self.assertEqual(self.served(), wanted)
        self.check(self.spans(tiers, 200), wanted, (("nghttp", CLIENT), ("nginx", SERVER)))

    def test_upgrade_from_http1(self):
        front = free_port()
        self.start_program("nghttpx", [
            "nghttpx", f"--frontend=127.0.0.1,{front};no-tls", f"--backend=127.0.0.1,{self.port};;proto=h2",
            "--workers=1", "--no-ocsp", "--conf=/dev/null"], front)
        tiers = self.start_agent()
        paths = [f"/hello/{self.mark}-{number}" for number in range(20)]
        for first, second in zip(paths[::2], paths[1::2]):
            # The first asks for the upgrade and is answered as stream 1; the second is on the same connection.
            version = self.curl("--http2", f"http://127.0.0.1:{front}{first}", "--output", "/dev/null",
                                f"http://127.0.0.1:{front}{second}")
            self.assertEqual(version, "2 200")
        wanted = collections.Counter({("GET", path, 200): 1 for path in paths})
        self.assertEqual(self.served(), wanted)
        self.check(self.spans(tiers, 4 * len(paths)), wanted, (
            ("curl", CLIENT), ("nghttpx", SERVER), ("nghttpx", CLIENT), ("nginx", SERVER)))

    def test_h2load(self):
        tiers = self.start_agent()
        paths = [f"/hello/{self.mark}-{number}" if number % 5 else f"/gone/{self.mark}-{number}"
                 for number in range(1000)]
        # Four connections, each of which goes through all the paths from the start; 32 requests at once.
        self.assertIn("1000 done, 800 succeeded, 200 failed, 0 errored",
                      self.h2load(self.port, paths, "--clients=4", "--max-concurrent-streams=8"))
        wanted = self.served()
        self.assertEqual(sum(wanted.values()), 1000)
        self.check(self.spans(tiers, 2000), wanted, (("h2load", CLIENT), ("nginx", SERVER)))
        self.assert_nothing_lost(tiers)
        self.assert_ledgers_balance(tiers)

    def test_haproxy_in_between(self):
        front = free_port()
        self.start_program("haproxy", ["haproxy", "-db", "-f", self.config("haproxy.cfg", HAPROXY_CONFIG,
                                                                            FRONT=front)], front)
        tiers = self.start_agent()
        paths = [f"/hello/{self.mark}-{number}" for number in range(1000)]
        self.assertIn("1000 done, 1000 succeeded",
                      self.h2load(front, paths, "--clients=1", "--max-concurrent-streams=32"))
        wanted = collections.Counter({("GET", path, 200): 1 for path in paths})
        self.assertEqual(self.served(), wanted)
        spans = self.spans(tiers, 4 * len(paths))
        by_id = self.check(spans, wanted, (("h2load", CLIENT), ("haproxy", SERVER), ("haproxy", CLIENT),
                                           ("nginx", SERVER)))
        onward = [span for span in spans if (span.service, span.kind) == ("haproxy", CLIENT)]
        linked = [span for span in onward if span.parent]
        print(f"    {len(linked)} of {len(onward)} onward requests are linked: "
              f"{dict(collections.Counter(span.evidence for span in linked))}", flush=True)
        for span in linked:
            self.assertEqual(by_id[span.parent].path, span.path)
        self.assert_nothing_lost(tiers)


if __name__ == "__main__":
    case_report.main("http2_programs_test")
