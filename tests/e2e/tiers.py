"""The three daemons of Kernspan as the demo and the tests run them, with the configurations of
deploy/config on free ports of 127.0.0.1."""

import collections
import http.client
import os
import pathlib
import re
import sys
import time

from otlp_lines import SpanFile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "workloads"))
from processes import Program, StartError, free_port, wait_until  # noqa: E402

CONFIGS = ROOT / "deploy" / "config"
TIERS = ("federation", "gateway", "agent")  # consumers before producers
READY_SECONDS_MAX = 30
STOP_SECONDS_MAX = 40

Stage = collections.namedtuple("Stage", "unit taken recovered passed_on held refused dropped "
                                      "from_peers to_peers", defaults=(0, 0))


def bin_folder():
    """Where the programs are: $KERNSPAN_BIN, else the release preset's, else dev's."""
    if "KERNSPAN_BIN" in os.environ:
        return pathlib.Path(os.environ["KERNSPAN_BIN"])
    folders = [ROOT / "build" / preset / "bin" for preset in ("release", "dev")]
    return next((each for each in folders if (each / "kernspan-agent").exists()), folders[0])


class Metrics:
    """One look at a daemon's /metrics."""

    _SAMPLE = re.compile(r'^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)')
    _LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

    def __init__(self, text):
        self.samples = []
        for line in text.splitlines():
            found = self._SAMPLE.match(line)
            if found:
                self.samples.append((found[1], dict(self._LABEL.findall(found[2] or "")),
                                     float(found[3])))

    def sum(self, name, **labels):
        return sum(value for sample, have, value in self.samples
                   if sample == name and labels.items() <= have.items())

    def by_label(self, name, label):
        """The values of one metric by one of its labels, without those that are 0."""
        found = collections.Counter()
        for sample, labels, value in self.samples:
            if sample == name and value:
                found[labels.get(label, "")] += int(value)
        return found

    def stages(self):
        """The ledger, in its order: name of the stage -> Stage."""
        stages = {}
        for name, labels, value in self.samples:
            if name.startswith("kernspan_stage_"):
                stage = stages.setdefault(labels["stage"], [labels["unit"], {}, {}])
                if name == "kernspan_stage_dropped":
                    if value:
                        stage[2][labels["reason"]] = int(value)
                else:
                    stage[1][name.removeprefix("kernspan_stage_")] = int(value)
        return {name: Stage(unit, dropped=dropped, **counts)
                for name, (unit, counts, dropped) in stages.items()}

    def unbalanced(self):
        """Stages whose books do not balance: name -> how much there is too little or too much."""
        differences = {name: stage.passed_on + stage.to_peers + stage.held
                       + sum(stage.dropped.values())
                       - stage.taken - stage.recovered - stage.from_peers
                       for name, stage in self.stages().items()}
        return {name: difference for name, difference in differences.items() if difference}


class Daemon:
    """One running daemon."""

    def __init__(self, tier, folder, environment, configs=None, outlive_parent=False, name=None,
                 options=(), prefix=()):
        self.tier = tier
        self.name = name or tier
        self.metrics_port = free_port()
        self.log_path = pathlib.Path(folder) / f"{self.name}.log"
        command = [bin_folder() / f"kernspan-{tier}"]
        if not command[0].exists():
            raise StartError(f"{command[0]} is not built: cmake --preset release && "
                             "cmake --build build/release")
        command[:0] = prefix
        for config in configs or [CONFIGS / f"{tier}.yaml"]:
            command += ["--config", config]
        command += options
        self.log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        self.program = Program(f"kernspan-{tier}", command, self.log_path,
                               {**environment, "KERNSPAN_METRICS_PORT": str(self.metrics_port)},
                               outlive_parent=outlive_parent)
        self.program.wait_for(lambda: f"kernspan-{tier}" in self.log() and "is ready" in self.log(),
                              "its log says that it is ready", READY_SECONDS_MAX)

    @property
    def pid(self):
        return self.program.pid

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            log.seek(self.log_start)
            return log.read()

    def metrics(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.metrics_port, timeout=10)
        try:
            connection.request("GET", "/metrics")
            return Metrics(connection.getresponse().read().decode())
        finally:
            connection.close()

    def rss_kib(self):
        with open(f"/proc/{self.pid}/status", encoding="utf-8") as status:
            return int(re.search(r"^VmRSS:\s+(\d+)", status.read(), re.MULTILINE)[1])

    def stop(self):
        return self.program.stop(STOP_SECONDS_MAX)

    def kill(self):
        return self.program.kill()

    def summary(self):
        """The stages of the ledger that it printed when it stopped: name -> its last words."""
        _, found, text = self.log().partition("what became of everything it took\n")
        if not found:
            return {}
        lines = text.splitlines()[1:]
        return {line.split()[0]: line.rsplit("  ", 1)[-1].strip() for line in lines
                if line and not line[0].isspace()}


class Tiers:
    """federation, gateway and agent on one machine. A context manager."""

    def __init__(self, folder, outlive_parent=False, agent_configs=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.spans = self.folder / "spans.jsonl"
        self.daemons = {}
        self._outlive_parent = outlive_parent
        self._agent_configs = agent_configs
        gateway, federation = free_port(), free_port()
        self.environment = {
            "KERNSPAN_GATEWAY_LISTEN": f"127.0.0.1:{gateway}",
            "KERNSPAN_GATEWAY_ENDPOINT": f"127.0.0.1:{gateway}",
            "KERNSPAN_FEDERATION_LISTEN": f"127.0.0.1:{federation}",
            "KERNSPAN_FEDERATION_ENDPOINT": f"127.0.0.1:{federation}",
            "KERNSPAN_SPANS_FILE": str(self.spans),
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

    def start(self, tiers=TIERS):
        for tier in tiers:
            self.daemons[tier] = Daemon(tier, self.folder, self.environment,
                                        self._agent_configs if tier == "agent" else None,
                                        self._outlive_parent)

    @property
    def agent(self):
        return self.daemons["agent"]

    def stop(self):
        """Producers first, so that everything drains. The exit status of each."""
        return {tier: self.daemons[tier].stop() for tier in reversed(TIERS) if tier in self.daemons}


class SpanWait:
    """Waits for the spans of what has been done: until there are enough, or no more come."""

    QUIET_SECONDS = 5.0  # three batches of 200 ms, and what the agent waits for other ends

    def __init__(self, path):
        self.spans = []
        self._file = SpanFile(path)
        self._last_news = time.monotonic()

    def _look(self, is_enough):
        new = self._file.read()
        self.spans += new
        if new:
            self._last_news = time.monotonic()
        return is_enough(self.spans) or time.monotonic() - self._last_news > self.QUIET_SECONDS

    def until(self, is_enough=lambda spans: False, seconds_max=60):
        """All spans so far."""
        self._last_news = time.monotonic()
        wait_until(lambda: self._look(is_enough), seconds_max, 0.2)
        return self.spans
