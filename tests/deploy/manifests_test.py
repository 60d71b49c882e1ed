"""The plain manifests are what the chart says today, and the Kustomize overlays build on what is there. Without kubectl,
which Debian has only in a version that is too old for these overlays, their parts are looked at one by one; with it, they
are built."""

import pathlib
import shutil
import subprocess
import sys
import unittest

import yaml

import chart
import object_rules
from object_schemas import ObjectSchemas

sys.path.insert(0, str(chart.ROOT / "tests" / "e2e"))
import case_report  # noqa: E402

MANIFESTS = chart.ROOT / "deploy" / "manifests"
OVERLAYS = sorted((chart.ROOT / "deploy" / "kustomize").glob("*/kustomization.yaml"))


def load(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def resources_of(kustomization):
    """The objects below a kustomization, as its files have them."""
    found = []
    for entry in load(kustomization)["resources"]:
        path = (kustomization.parent / entry).resolve()
        found += resources_of(path / "kustomization.yaml") if path.is_dir() else \
            chart.parse(path.stem, path.read_text("utf-8")).objects
    return found


def containers_of(item):
    return item["spec"]["template"]["spec"]["containers"]


class ManifestsTest(unittest.TestCase):
    def test_they_are_up_to_date(self):
        done = subprocess.run([MANIFESTS / "generate", "--check"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_they_are_whole(self):
        texts = [path.read_text("utf-8") for path in sorted(MANIFESTS.glob("*/*.yaml")) if
                 path.name != "kustomization.yaml"]
        rendered = chart.parse("manifests", "---\n".join(texts))
        schemas = ObjectSchemas()
        wrong = [f"{item['kind']} {item['metadata']['name']}: {line}" for item in rendered.objects
                 for line in schemas.errors(item)]
        labelled = chart.Rendered("manifests", "", [item for item in rendered.objects if item["kind"] != "Namespace"])
        wrong += object_rules.problems(labelled, (MANIFESTS / "values.yaml").read_text("utf-8"))
        self.assertFalse(wrong, "\n".join(wrong))
        self.assertNotIn("Helm", "".join(texts).replace("Made from the Helm chart", ""))
        self.assertFalse(rendered.of("Secret"), "no key belongs into the tree")


class OverlaysTest(unittest.TestCase):
    def test_there_is_one_for_each_role(self):
        self.assertEqual([path.parent.name for path in OVERLAYS], ["agent", "cluster", "federation", "gateway"])

    def test_images_are_those_of_the_pods(self):
        for path in OVERLAYS:
            used = {each["image"].rpartition(":")[0] for item in resources_of(path) if "template" in item.get("spec", {})
                    for each in containers_of(item)}
            for image in load(path)["images"]:
                self.assertIn(image["name"], used, path)

    def test_patches_find_what_they_change(self):
        for path in OVERLAYS:
            for patch in load(path).get("patches", []):
                kind, name = patch["target"]["kind"], patch["target"]["name"]
                found = [item for item in resources_of(path)
                         if (item["kind"], item["metadata"]["name"]) == (kind, name)]
                self.assertEqual(len(found), 1, f"{path}: {kind} {name}")
                body = yaml.safe_load(patch["patch"])
                if isinstance(body, list):
                    for step in body:
                        target = found[0]
                        for part in pathlib.PurePosixPath(step["path"]).parts[1:-1]:
                            self.assertIn(part, target, step["path"])
                            target = target[part]
                    continue
                for container in containers_of(body):
                    mine = {each["name"]: each for each in containers_of(found[0])}[container["name"]]
                    self.assertLessEqual({each["name"] for each in container["env"]},
                                         {each["name"] for each in mine["env"]})

    def test_the_clusters_names_are_keys_of_the_config_map(self):
        for path in OVERLAYS:
            for generator in load(path).get("configMapGenerator", []):
                config_map = next(item for item in resources_of(path) if item["kind"] == "ConfigMap" and
                                  item["metadata"]["name"] == generator["name"])
                self.assertEqual(generator["namespace"], config_map["metadata"]["namespace"])
                self.assertLessEqual({each.partition("=")[0] for each in generator["literals"]},
                                     config_map["data"].keys())


class KustomizeTest(unittest.TestCase):
    def test_kubectl_builds_them(self):
        if not shutil.which("kubectl"):
            self.skipTest("no kubectl with Kustomize 4 or later")
        schemas = ObjectSchemas()
        for path in OVERLAYS:
            done = subprocess.run(["kubectl", "kustomize", path.parent], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, f"{path}: {done.stderr}")
            objects = chart.parse(path.parent.name, done.stdout).objects
            wrong = [line for item in objects for line in schemas.errors(item)]
            self.assertFalse(wrong, wrong)
            self.assertEqual({(item["kind"], item["metadata"]["name"]) for item in objects},
                             {(item["kind"], item["metadata"]["name"]) for item in resources_of(path)})


if __name__ == "__main__":
    case_report.main("manifests_test")
