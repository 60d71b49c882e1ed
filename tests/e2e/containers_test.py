"""Which container a program was in, also when program and container are gone at once."""

import concurrent.futures
import http.client
import os
import subprocess
import unittest

import case_report
from cgroups import NodeCgroups
from live_case import LiveCase, SpanWait, require
from otlp_lines import CLIENT, SERVER
from processes import free_port, wait_until


def setUpModule():
    require(programs=("curl",), services=("nginx",))


def place(span):
    return span.resource.get("container.id"), span.resource.get("k8s.pod.uid")


class ContainersTest(LiveCase):
    CONTAINERS = 200

    def setUp(self):
        super().setUp()
        self.cgroups = NodeCgroups()
        self.addCleanup(self.cgroups.close)

    def spans_of(self, tiers, wanted, kind):
        """By path, of the spans of a kind whose paths are wanted."""
        def of_paths(spans):
            return {span.path: span for span in spans if span.kind == kind and span.path in wanted}
        return of_paths(SpanWait(tiers.spans).until(
            lambda spans: len(of_paths(spans)) >= len(wanted)))

    def test_programs_and_containers_that_are_gone(self):
        stack = self.start_services("nginx")
        tiers = self.start_tiers()

        def one(number):
            container = self.cgroups.container(f"short-{number}")
            path = f"/hello/container-{os.getpid()}-{number}"
            container.run("curl", "--silent", f"{stack.url}{path}")
            container.remove()
            return path, (container.id, container.pod_uid)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            wanted = dict(pool.map(one, range(self.CONTAINERS)))

        clients = self.spans_of(tiers, wanted, CLIENT)
        self.assertEqual({path: place(span) for path, span in clients.items()}, wanted)
        self.assertEqual({span.service for span in clients.values()}, {"curl"})
        servers = self.spans_of(tiers, wanted, SERVER)
        self.assertEqual({place(span) for span in servers.values()}, {(None, None)},
                         "nginx is a program of the node itself")
        self.assert_nothing_lost(tiers)
        outcomes = tiers.agent.metrics().by_label("kernspan_cgroups", "outcome")
        print(f"    cgroups: {dict(outcomes)}; processes: "
              f"{dict(tiers.agent.metrics().by_label('kernspan_processes', 'outcome'))}", flush=True)
        self.assertGreaterEqual(outcomes["learnt"], self.CONTAINERS)
        self.assertEqual((outcomes["path_cut"], outcomes["walk_blind"]), (0, 0))

    def test_containers_that_are_older_than_the_agent(self):
        stack = self.start_services("nginx")
        container = self.cgroups.container("older")
        path = f"/hello/older-{os.getpid()}"
        # A shell that waits in its container, and starts what it is told: forks, in nobody's sight.
        with subprocess.Popen(container.command("/bin/sh"), stdin=subprocess.PIPE, text=True) as shell:
            wait_until(lambda: os.readlink(f"/proc/{shell.pid}/exe") and container.id in
                       open(f"/proc/{shell.pid}/cgroup", encoding="utf-8").read(), 20)
            tiers = self.start_tiers()
            shell.communicate(f"curl --silent --output /dev/null {stack.url}{path}; exit\n", timeout=60)
        container.remove()
        spans = self.spans_of(tiers, {path}, CLIENT)
        self.assertEqual(place(spans[path]), (container.id, container.pod_uid))

    def test_a_server_that_is_moved_after_its_first_request(self):
        tiers = self.start_tiers()
        container = self.cgroups.container("moved")
        port = free_port()
        with subprocess.Popen(["/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1",
                               str(port)], cwd=self.folder, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as server:
            self.addCleanup(server.kill)
            paths = [f"/{when}-{os.getpid()}" for when in ("before", "after")]

            def ask(path):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                try:
                    connection.request("GET", path)
                    return connection.getresponse().status
                except OSError:
                    return None
                finally:
                    connection.close()
            wait_until(lambda: ask(paths[0]) == 404, 20)
            self.assertEqual(place(self.spans_of(tiers, {paths[0]}, SERVER)[paths[0]]), (None, None))
            container.join(server.pid)
            self.assertEqual(ask(paths[1]), 404)
            server.kill()
        container.remove()
        span = self.spans_of(tiers, {paths[1]}, SERVER)[paths[1]]
        self.assertEqual(place(span), (container.id, container.pod_uid))
        self.assert_ledgers_balance(tiers)


if __name__ == "__main__":
    case_report.main("containers_test")
