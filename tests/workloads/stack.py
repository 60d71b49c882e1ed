#!/usr/bin/python3
"""Real, uninstrumented services, all from Debian packages:

    nginx -> shop (gunicorn threads, Flask) -> pricing (Node.js) -> inventory (gunicorn sync workers)
                                                                 -> discounts (http.server, threads)

Run by itself it starts them, prints where they listen, and stops them on Ctrl-C. Everything listens
on 127.0.0.1; NGINX_PORT, SHOP_PORT, PRICING_PORT, INVENTORY_PORT and DISCOUNTS_PORT choose the
ports, free ones are taken otherwise.

Paths: POST /order/<serial> comes in; the calls behind it are /checkout/, /price/, /stock/ and
/discount/<serial>. The serial is there for the scorer alone, so that it can tell which span is which;
nothing in Kernspan looks at it.

Each service runs in a *place*, this machine unless told otherwise; a place of another network namespace is in
tests/e2e/two_nodes.py.
"""

import argparse
import contextlib
import getpass
import http.client
import os
import pathlib
import shutil
import signal
import sys
import tempfile

from processes import Program, StartError, free_port

SERVICES_FOLDER = pathlib.Path(__file__).resolve().parent / "services"
ORDER = ("discounts", "inventory", "pricing", "shop", "nginx")  # callees before their callers
PROGRAMS = {"nginx": "nginx", "shop": "gunicorn", "pricing": "node", "inventory": "gunicorn",
            "discounts": "/usr/bin/python3"}
PATHS = {"nginx": "/order/", "shop": "/checkout/", "pricing": "/price/", "inventory": "/stock/",
         "discounts": "/discount/"}


def missing_programs(services=ORDER):
    """Programs that are not installed, of those the services need."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return sorted({PROGRAMS[name] for name in services if not shutil.which(PROGRAMS[name], path=path)})


class Place:
    """Where a service runs: what it listens on, and under which address the others call it."""

    def __init__(self, bind="127.0.0.1", host="127.0.0.1"):
        self.bind = bind
        self.host = host

    def inside(self):
        """A context in which programs are started, and connections made, that belong there."""
        return contextlib.nullcontext()


def in_url(address):
    return f"[{address}]" if ":" in address else address


class Stack:
    """The services, or some of them. A context manager: stops them at the end."""

    def __init__(self, folder, services=ORDER, threads=8, workers=2, outlive_parent=False,
                 environment=None, places=None):
        self.folder = pathlib.Path(folder)
        self.truth = self.folder / "truth"
        self.logs = self.folder / "logs"
        for each in (self.truth, self.logs):
            each.mkdir(parents=True, exist_ok=True)
        self.services = [name for name in ORDER if name in services]
        self.threads = threads
        self.workers = workers
        self.outlive_parent = outlive_parent
        self.ports = {name: int(os.environ.get(f"{name.upper()}_PORT") or free_port())
                      for name in ORDER}
        self.places = {name: (places or {}).get(name) or Place() for name in ORDER}
        self.programs = {}
        self._environment = {
            "TRUTH_DIR": str(self.truth),
            "PYTHONDONTWRITEBYTECODE": "1",
            **{f"{name.upper()}_PORT": str(port) for name, port in self.ports.items()},
            **{f"{name.upper()}_HOST": place.host for name, place in self.places.items()},
            **{f"{name.upper()}_BIND": place.bind for name, place in self.places.items()},
            **(environment or {}),
        }

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.ports['nginx']}"

    def start(self):
        missing = missing_programs(self.services)
        if missing:
            raise StartError("not installed: " + ", ".join(missing) + " (tools/setup installs it)")
        for name in self.services:
            self.start_service(name)

    def start_service(self, name):
        with self.places[name].inside():
            program = Program(name, self._command(name), self.logs / f"{name}.log",
                              self._environment, cwd=SERVICES_FOLDER,
                              outlive_parent=self.outlive_parent)
        self.programs[name] = program
        program.wait_for(lambda: self._answers(name), f"GET /healthz on port {self.ports[name]}")

    def orders_finished(self, run):
        """How many orders of a run of the driver have been answered, or have failed."""
        start = b'"path": "/order/' + run.encode() + b"-"
        return sum(path.read_bytes().count(start) for path in self.truth.glob("driver-*.jsonl"))

    def stop(self):
        for name in reversed(list(self.programs)):
            self.programs.pop(name).stop()

    def _command(self, name):
        if name == "nginx":
            return ["nginx", "-p", self.folder, "-c", self._write_nginx_config(),
                    "-e", self.logs / "nginx.log"]
        if name == "shop":
            return self._gunicorn("shop:app", name, "--worker-class", "gthread", "--threads",
                                  self.threads, "--workers", self.workers, "--keep-alive", "600")
        if name == "inventory":
            return self._gunicorn("inventory:application", name, "--worker-class", "sync",
                                  "--workers", self.workers)
        if name == "pricing":
            return ["node", "pricing.js"]
        return ["/usr/bin/python3", "discounts.py"]

    def _gunicorn(self, application, name, *arguments):
        return ["gunicorn", "--bind", f"{in_url(self.places[name].bind)}:{self.ports[name]}",
                "--worker-tmp-dir", "/dev/shm", "--timeout", "60", "--graceful-timeout", "5",
                *arguments, application]

    def _write_nginx_config(self):
        text = (SERVICES_FOLDER / "nginx.conf.in").read_text(encoding="utf-8")
        values = {"USER": getpass.getuser(), "WORKERS": self.workers, "DIR": self.folder,
                  "LOGS": self.logs, "TRUTH": self.truth, "NGINX_PORT": self.ports["nginx"],
                  "SHOP_HOST": in_url(self.places["shop"].host), "SHOP_PORT": self.ports["shop"]}
        for key, value in values.items():
            text = text.replace(f"@{key}@", str(value))
        path = self.folder / "nginx.conf"
        path.write_text(text, encoding="utf-8")
        return path

    def _answers(self, name):
        place = self.places[name]
        connection = http.client.HTTPConnection(place.host, self.ports[name], timeout=5)
        try:
            with place.inside():
                connection.connect()
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", default=",".join(ORDER), help="some of " + ",".join(ORDER))
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with tempfile.TemporaryDirectory(prefix="kernspan-stack-") as folder:
        try:
            with Stack(folder, arguments.services.split(",")) as stack:
                for name in stack.services:
                    print(f"{name:10} http://127.0.0.1:{stack.ports[name]}{PATHS[name]}<serial>")
                print(f"truth and logs: {folder}", flush=True)
                signal.pause()
        except StartError as error:
            print(f"stack.py: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
