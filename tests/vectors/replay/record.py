"""Records what the kernel says of a small scene, for the replay test.

    sudo record.py AGENT OUTPUT.events

Starts AGENT with a record_file, then nginx in front of a threaded Python server, sends a few requests with curl, and
keeps the records of these programs only. Give the result a golden file with
KERNSPAN_UPDATE_GOLDEN=1 build/dev/tests/replay_test, and read it before committing it.
"""

import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

TRANSFER, CONNECT, CLOSE, EXEC, FORK, EXIT = range(1, 7)
# Where the tgid stands in a record, by kind (bpf/abi/events.h); a close has only its socket's cookie.
TGID_OFFSET = {TRANSFER: 40, CONNECT: 40, EXEC: 16, FORK: 16, EXIT: 16}
COOKIE_OFFSET = 16

SERVER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        status = 500 if self.path.endswith("broken") else 200
        body = b"hello\\n"
        self.wfile.write(b"HTTP/1.1 %d Said\\r\\nContent-Length: %d\\r\\n\\r\\n" % (status, len(body)) + body)
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
"""

NGINX = """
daemon off; worker_processes 1; error_log /dev/null; pid FOLDER/nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path FOLDER; proxy_temp_path FOLDER; fastcgi_temp_path FOLDER;
  uwsgi_temp_path FOLDER; scgi_temp_path FOLDER;
  upstream back { server 127.0.0.1:BACK; keepalive 4; }
  server {
    listen 127.0.0.1:FRONT;
    location / { proxy_pass http://back; proxy_http_version 1.1; proxy_set_header Connection ""; }
    location /static { return 204; }
  }
}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.01)
    sys.exit(f"nobody listens on port {port}")


def play(folder):
    """Runs the scene; returns the pids of its programs."""
    front, back = free_port(), free_port()
    (folder / "greeter.py").write_text(SERVER.replace("PORT", str(back)))
    (folder / "nginx.conf").write_text(
        NGINX.replace("FOLDER", str(folder)).replace("FRONT", str(front)).replace("BACK", str(back)))
    server = subprocess.Popen(["/usr/bin/python3", str(folder / "greeter.py")])
    nginx = subprocess.Popen(["/usr/sbin/nginx", "-c", str(folder / "nginx.conf")])
    pids = {server.pid, nginx.pid}
    wait_for(back)
    wait_for(front)
    url = f"http://127.0.0.1:{front}"
    parent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for arguments in ([f"{url}/hello?secret=1"], [f"{url}/a", f"{url}/b", f"{url}/broken"], ["-I", f"{url}/static"],
                      ["-H", parent, f"{url}/traced"], ["-d", "x" * 100_000, f"{url}/static/upload"]):
        with subprocess.Popen(["/usr/bin/curl", "-s", "-o", "/dev/null", *arguments]) as curl:
            curl.wait()
            pids.add(curl.pid)
    for process in (nginx, server):
        process.send_signal(signal.SIGTERM)
        process.wait()
    return pids


def keep(recording, pids):
    """The records of these processes, of their children, and of their sockets."""
    kept, cookies, at = [recording[:16]], set(), 16
    pids = set(pids)
    while at < len(recording):
        size, = struct.unpack_from("<I", recording, at)
        end = at + 8 + (size + 7) // 8 * 8
        kind, = struct.unpack_from("<I", recording, at + 8 + 8)
        cookie, = struct.unpack_from("<Q", recording, at + 8 + COOKIE_OFFSET)
        if kind == CLOSE:
            mine = cookie in cookies
        else:
            tgid, = struct.unpack_from("<I", recording, at + 8 + TGID_OFFSET[kind])
            if kind == FORK and struct.unpack_from("<I", recording, at + 8 + 20)[0] in pids:
                pids.add(tgid)
            mine = tgid in pids
        if mine:
            kept.append(recording[at:end])
            if kind in (TRANSFER, CONNECT):
                cookies.add(cookie)
        at = end
    return b"".join(kept)


def main():
    agent, output = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        config = folder / "agent.yaml"
        config.write_text(
            f"receivers: {{ebpf: {{record_file: {folder}/all.events}}}}\n"
            "exporters: {debug: {}}\n"
            "service:\n  telemetry: {metrics: {level: none}}\n"
            "  pipelines: {traces: {receivers: [ebpf], exporters: [debug]}}\n")
        with subprocess.Popen([agent, "--config", str(config)], stderr=subprocess.PIPE, text=True) as tracer:
            for line in tracer.stderr:
                if "is ready" in line:
                    break
            pids = play(folder)
            time.sleep(0.5)
            tracer.send_signal(signal.SIGTERM)
            tracer.communicate()
        pathlib.Path(output).write_bytes(keep((folder / "all.events").read_bytes(), pids))
    print(f"{output}: {os.path.getsize(output)} bytes")


main()
