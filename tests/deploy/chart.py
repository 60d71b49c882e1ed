"""The Helm chart as the tests see it: rendered by `render`, which stands in for helm (Debian has none)."""

import dataclasses
import functools
import os
import pathlib
import shlex
import subprocess
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy" / "helm" / "kernspan"
VALUES = pathlib.Path(__file__).resolve().parent / "values"
SOURCES = pathlib.Path(__file__).resolve().parent / "render"


class RenderError(Exception):
    """What the renderer says in the place of manifests."""


def tool():
    """The renderer, built when its sources are newer. Go's own cache makes a second build cheap."""
    program = ROOT / "build" / "deploy" / "render"
    sources = list(SOURCES.glob("*.go"))
    if not program.exists() or program.stat().st_mtime < max(f.stat().st_mtime for f in sources):
        program.parent.mkdir(parents=True, exist_ok=True)
        new = program.with_name(f"render.{os.getpid()}")
        environment = {**os.environ, "GO111MODULE": "off", "GOFLAGS": "", "GOPATH": "/usr/share/gocode"}
        done = subprocess.run(["go", "build", "-o", new, "."], cwd=SOURCES, env=environment,
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the renderer does not build:\n{done.stderr}")
        new.rename(program)  # two tests may build at once
    return program


def run(*arguments, chart=CHART):
    """The renderer's standard output."""
    done = subprocess.run([tool(), *map(str, arguments), chart], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise RenderError(done.stderr.strip())
    return done.stdout


@dataclasses.dataclass
class Rendered:
    """One render: its text and its objects."""

    name: str
    text: str
    objects: list

    def of(self, *kinds):
        return [item for item in self.objects if item["kind"] in kinds]

    def find(self, kind, name):
        return next((item for item in self.of(kind) if item["metadata"]["name"] == name), None)

    def configs(self):
        """Text of each daemon's configuration by its tier."""
        return {item["metadata"]["labels"]["app.kubernetes.io/component"]: item["data"]["config.yaml"]
                for item in self.of("ConfigMap") if "config.yaml" in item["data"]}

    def image(self, tier):
        return next(each["spec"]["template"]["spec"]["containers"][0]["image"] for each in self.workloads()
                    if each["metadata"]["labels"]["app.kubernetes.io/component"] == tier)

    def workloads(self):
        return self.of("DaemonSet", "Deployment", "StatefulSet")


class UniqueKeys(yaml.CSafeLoader):
    """YAML as the API server reads it: a key that is there twice is an error."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.YAMLError(f"{node.start_mark}: keys that are there twice: {sorted(twice)}")
        return super().construct_mapping(node, deep)


def parse(name, text):
    objects = [item for item in yaml.load_all(text, UniqueKeys) if item]
    return Rendered(name, text, objects)


def flags_of(path):
    """The renderer's flags in a value file's first line: `# --kube-version v1.22.4`."""
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return shlex.split(first[2:]) if first.startswith("# --") else []


@functools.lru_cache(maxsize=None)
def _text_of(path, arguments):
    return run(*flags_of(path), *arguments, "-f", path)


def render(path, *arguments):
    """A value file of tests/deploy/values, rendered; once, because certificates take their time."""
    return parse(path.stem, _text_of(path, arguments))


def render_values(values, *arguments):
    """Values as a Python object, rendered."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(values, file)
        file.flush()
        return parse("values", run(*arguments, "-f", file.name))


def value_files():
    return sorted(VALUES.glob("*.yaml"))
