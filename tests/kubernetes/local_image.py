"""Container images from this machine's own programs, without a registry and without running anything: the programs,
the libraries that they load, and what else is named, as one layer in a docker archive (`docker save`).

  local_image.py --out FILE --name NAME [--program PATH]... [--copy PATH[=PLACE]]... [--env K=V]... [--user UID] -- ARGV...
"""

import argparse
import hashlib
import io
import json
import pathlib
import re
import subprocess
import tarfile

# What every container expects to find.
FOLDERS = ("dev", "etc", "proc", "run", "sys", "tmp", "var/log")
LEFT_OUT = re.compile(r"/(__pycache__|test|tests|idlelib|ensurepip|config-3[^/]*)(/|$)")


def libraries(program):
    """The shared libraries that a program or library loads at its start, with its loader."""
    listing = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    return set(re.findall(r"(?:=> )?(/\S+) \(0x", listing))


class Layer:
    def __init__(self):
        self.files = {}  # place: (path on this machine, or bytes)
        self.loaded = set()

    def program(self, path):
        path = str(path)
        self.copy(path)
        self.load(path)

    def load(self, path):
        for library in libraries(path) - self.loaded:
            self.loaded.add(library)
            self.copy(library)

    def copy(self, path, place=None):
        """A file or a folder; the extension modules in it bring their libraries along."""
        path = pathlib.Path(path)
        place = pathlib.Path(place or path)
        if not path.is_dir():
            self.files[str(place)] = path
            return
        for found in sorted(path.rglob("*")):
            if LEFT_OUT.search("/" + str(found.relative_to(path))) or not found.is_file():
                continue
            self.files[str(place / found.relative_to(path))] = found
            if ".so" in found.name:
                self.load(found)

    def text(self, place, text):
        self.files[place] = text.encode()

    def write(self, stream):
        """As tar. Links are followed, so that each file stands where a program asks for it."""
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as tar:
            folders = {pathlib.PurePath(folder) for folder in FOLDERS}
            for place in self.files:
                folders.update(pathlib.PurePath(place.lstrip("/")).parents)
            for folder in sorted(folders - {pathlib.PurePath(".")}):
                entry = tarfile.TarInfo(str(folder))
                entry.type = tarfile.DIRTYPE
                entry.mode = 0o1777 if str(folder) == "tmp" else 0o755
                tar.addfile(entry)
            for place, source in sorted(self.files.items()):
                entry = tarfile.TarInfo(place.lstrip("/"))
                data = source if isinstance(source, bytes) else source.resolve().read_bytes()
                entry.mode = 0o644 if isinstance(source, bytes) else source.stat().st_mode & 0o755
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))


def write_image(file, name, layer, argv, environment=(), user=""):
    """A docker archive with one layer."""
    content = io.BytesIO()
    layer.write(content)
    data = content.getvalue()
    diff = hashlib.sha256(data).hexdigest()
    config = json.dumps({
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(_machine(), _machine()), "os": "linux",
        "config": {"Entrypoint": list(argv), "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", *environment],
                   "User": user, "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff}"]}}).encode()
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [name],
                            "Layers": [f"{diff}/layer.tar"]}]).encode()
    with tarfile.open(file, "w") as tar:
        for place, part in ((config_name, config), (f"{diff}/layer.tar", data), ("manifest.json", manifest)):
            entry = tarfile.TarInfo(place)
            entry.size = len(part)
            tar.addfile(entry, io.BytesIO(part))


def _machine():
    return subprocess.run(["uname", "-m"], capture_output=True, text=True, check=True).stdout.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--out", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--program", action="append", default=[])
    parser.add_argument("--copy", action="append", default=[])
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--user", default="")
    parser.add_argument("argv", nargs="+")
    options = parser.parse_args()
    layer = Layer()
    for program in options.program:
        layer.program(program)
    for pair in options.copy:
        path, _, place = pair.partition("=")
        layer.copy(path, place or None)
    write_image(options.out, options.name, layer, options.argv, options.env, options.user)


if __name__ == "__main__":
    main()
