"""What the live tests of gRPC share: servers, clients, and the wait for their spans."""

import sys
import unittest

from live_case import LiveCase, SpanWait, bin_folder, require
from tiers import CONFIGS, ROOT

sys.path.insert(0, str(ROOT / "tests" / "workloads" / "rpc"))
import interop  # noqa: E402
import rpc  # noqa: E402

# Neighbours of the ring: every language has a client and a server that are traced.
RING = list(zip(rpc.LANGUAGES, rpc.LANGUAGES[1:] + rpc.LANGUAGES[:1]))


def require_languages(*languages):
    """Skips, by name, when one of them cannot run here; builds their programs else."""
    require()
    programs = rpc.Programs(bin_folder().parent / "tests")
    try:
        for language in languages:
            for role in ("server", "client"):
                programs.command(language, role)
    except rpc.Missing as missing:
        raise unittest.SkipTest(f"not installed: {missing}") from None
    return programs


class RpcCase(LiveCase):
    programs = None  # of the module; see setUpModule

    def start_server(self, language, next_port=None):
        server = rpc.Server(self.programs, language, self.folder, next_port)
        self.addCleanup(server.stop)
        return server

    def start_client(self, language, server, channels=1, concurrency=32):
        client = rpc.Client(self.programs, language, server.port, self.folder, channels, concurrency)
        self.addCleanup(client.stop)
        return client

    def start_agent(self, receiver=""):
        """The tiers, with more settings of the agent's receiver: `key: value, ...`."""
        overlay = self.folder / "agent.yaml"
        overlay.write_text(f"receivers: {{ebpf: {{ring_buffer_size: 64MiB, {receiver}}}}}\n",
                           encoding="utf-8")
        return self.start_tiers(agent_configs=[CONFIGS / "agent.yaml", overlay])

    def wait_for_spans(self, tiers, pids, count):
        """The spans of these processes, once there are `count` of ended calls, or no more come."""
        spans = SpanWait(tiers.spans).until(
            lambda spans: sum(span.pid in pids and not span.attributes.get("kernspan.interim")
                              for span in spans) >= count)
        return [span for span in spans if span.pid in pids]

    def assert_complete(self, result):
        """Every call has its spans, each with its values, and there are no others."""
        counts = {what: sum(getattr(result, what).values()) for what in ("missing", "extra", "wrong")}
        self.assertEqual(counts, {"missing": 0, "extra": 0, "wrong": 0})

    def show_counters(self, tiers):
        metrics = tiers.agent.metrics()
        for name in ("kernspan_capture_events", "kernspan_http2_events"):
            self.show(name, str(dict(metrics.by_label(name, "outcome"))))

    def show(self, title, text):
        print(f"    {title}\n      " + text.replace("\n", "\n      "), flush=True)


__all__ = ["RING", "RpcCase", "interop", "require_languages", "rpc"]
