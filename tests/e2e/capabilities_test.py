"""The agent with the capabilities of docs/capabilities.md and no other, and with each of them missing: what it still
does, and that it names what it lacks."""

import os
import shutil
import subprocess

import case_report
from live_case import SpanWait, bin_folder, require
from otlp_lines import SERVER
from rpc_case import RpcCase, require_languages, rpc
from tiers import Daemon

CAPABILITIES = ("bpf", "perfmon", "sys_ptrace", "dac_read_search")
REQUIRED = ("bpf", "perfmon")
SERVICE, USER = "of-another-user", "65534"


def setUpModule():
    require(programs=("setpriv",))
    RpcCase.programs = require_languages("go")


def with_only(capabilities):
    """The words before a command that leave it no other capabilities."""
    kept = ",".join(["-all", *("+" + name for name in capabilities)])
    return ["setpriv", "--bounding-set", kept, "--inh-caps", "-all", "--no-new-privs"]


class OfAnotherUser:
    """Commands for rpc.Server: the program as another user, in an executable that only this one may read."""

    def __init__(self, folder, programs):
        command, _ = programs.command("go", "server")
        self._program = folder / "truth"
        shutil.copy(command[0], self._program)
        os.chown(self._program, int(USER), int(USER))
        self._program.chmod(0o700)
        folder.chmod(0o711)

    def command(self, _language, role):
        return (["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", self._program, role],
                {"OTEL_SERVICE_NAME": SERVICE})


class CapabilitiesTest(RpcCase):
    CALLS = 20

    def start_pair(self):
        """A client and a server that are connected before the agent starts."""
        server = rpc.Server(OfAnotherUser(self.folder, self.programs), "go", self.folder)
        self.addCleanup(server.stop)
        client = self.start_client("go", server)
        client.call([rpc.Call(id="before")])
        return server, client

    def start_restricted_agent(self, capabilities):
        config = self.folder / "agent.yaml"
        config.write_text(
            "receivers: {ebpf: {}}\n"
            f"exporters: {{file: {{path: {self.folder}/spans.jsonl}}}}\n"
            "service:\n"
            "  pipelines: {traces: {receivers: [ebpf], exporters: [file]}}\n"
            "  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: "
            "{host: 127.0.0.1, port: '${env:KERNSPAN_METRICS_PORT}'}}}}]}}\n", encoding="utf-8")
        agent = Daemon("agent", self.folder, {}, [config], prefix=with_only(capabilities))
        self.addCleanup(agent.stop)
        return agent

    def observe(self, capabilities):
        """(the resource of the server's last span, executables that are probed, the agent's log)."""
        server, client = self.start_pair()
        agent = self.start_restricted_agent(capabilities)
        self.assertTrue(rpc.wait_until(
            lambda: agent.metrics().sum("kernspan_grpc_go_probed") > 0
            or "is missing" in agent.log(), 20))
        client.call([rpc.Call(id=f"after-{number}") for number in range(self.CALLS)])
        spans = SpanWait(self.folder / "spans.jsonl").until(
            lambda spans: sum(span.pid == server.pid for span in spans) >= self.CALLS)
        mine = [span for span in spans if (span.pid, span.kind) == (server.pid, SERVER)]
        self.assertEqual(len(mine), self.CALLS)
        probed = agent.metrics().sum("kernspan_grpc_go_executables", outcome="attached")
        self.assertEqual(agent.stop(), 0)
        return mine[-1].resource, probed, agent.log()

    def test_four_are_enough_for_everything(self):
        resource, probed, log = self.observe(CAPABILITIES)
        self.assertEqual(resource["service.name"], SERVICE)
        self.assertEqual(resource["process.runtime.name"], "go")
        self.assertGreaterEqual(probed, 2)  # the server's executable, and the client's
        self.assertNotIn("is missing", log)
        self.assertNotIn("could not be attached", log)
        self.assertNotIn("cannot be probed", log)

    def test_without_sys_ptrace(self):
        resource, probed, log = self.observe([name for name in CAPABILITIES if name != "sys_ptrace"])
        # The environment can be read with CAP_PERFMON on newer kernels; the executable cannot.
        self.assertIn(resource["service.name"], (SERVICE, "truth"))
        self.assertNotIn("process.executable.path", resource)
        self.assertEqual(probed, 0)
        self.assertEqual(log.count("CAP_SYS_PTRACE is missing"), 1)

    def test_without_dac_read_search(self):
        resource, _, log = self.observe([name for name in CAPABILITIES if name != "dac_read_search"])
        self.assertEqual(resource["service.name"], "truth")  # its environment says otherwise
        self.assertNotIn("process.runtime.name", resource)
        self.assertEqual(log.count("CAP_DAC_READ_SEARCH is missing"), 1)

    def test_what_is_required_is_named(self):
        for missing in REQUIRED:
            kept = [name for name in CAPABILITIES if name != missing]
            with self.subTest(missing=missing):
                config = self.folder / "agent.yaml"
                config.write_text("receivers: {ebpf: {}}\nexporters: {debug: {}}\nservice: "
                                  "{pipelines: {traces: {receivers: [ebpf], exporters: [debug]}}}\n",
                                  encoding="utf-8")
                done = self.run_agent(kept, "--config", config)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(f"CAP_{missing.upper()} is missing", done.stdout)
                for other in kept:
                    self.assertNotIn(f"CAP_{other.upper()} is missing", done.stdout)

    def test_the_report_names_each(self):
        for missing in CAPABILITIES:
            done = self.run_agent([name for name in CAPABILITIES if name != missing], "--probe-report")
            with self.subTest(missing=missing):
                self.assertEqual(done.returncode != 0, missing in REQUIRED, done.stdout)
                for name in CAPABILITIES:
                    self.assertRegex(done.stdout, rf"CAP_{name.upper()} +"
                                     + ("missing" if name == missing else "there"))

    def run_agent(self, capabilities, *arguments):
        return subprocess.run([*with_only(capabilities), bin_folder() / "kernspan-agent", *arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
                              check=False)


if __name__ == "__main__":
    case_report.main("capabilities_test")
