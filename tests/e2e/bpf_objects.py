"""BPF objects in the kernel: ("prog" | "map" | "link", id)."""

import json
import pathlib
import re
import subprocess


def bpf_objects(pid):
    """Those that a process holds."""
    objects = set()
    for info in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            text = info.read_text(encoding="utf-8")
        except OSError:
            continue  # closed meanwhile
        for kind in ("prog", "map", "link"):
            # A link's entry names its program as well; a map's that of its owner.
            if found := re.search(rf"^{kind}_id:\s+(\d+)$", text, re.MULTILINE):
                objects.add((kind, int(found[1])))
    return objects


def bpf_objects_of_machine():
    objects = set()
    for kind in ("prog", "map", "link"):
        listing = subprocess.run(["bpftool", "--json", kind, "list"], check=True, capture_output=True)
        objects |= {(kind, each["id"]) for each in json.loads(listing.stdout or b"[]")}
    return objects
