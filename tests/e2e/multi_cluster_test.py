"""deploy/multi-cluster with recorded programs in the place of helm and kubectl, of which there is no Debian package: what
is called for which cluster, in which order, and what becomes of each failure."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "workloads"))
import case_report  # noqa: E402
from tiers import ROOT  # noqa: E402

SCRIPT = ROOT / "deploy" / "multi-cluster"
# Writes down its arguments and answers as answers.json says: the first row whose words are all among the arguments.
RECORDER = """#!/usr/bin/python3 -B
import json, os, pathlib, sys
folder = pathlib.Path(os.environ["RECORDS"])
name = pathlib.Path(sys.argv[0]).name
with open(folder / "calls", "a") as calls:
    calls.write(json.dumps([name, *sys.argv[1:]]) + chr(10))
for words, status, output in json.loads((folder / "answers.json").read_text()):
    if set(words) <= {name, *sys.argv[1:]}:
        print(output, end="" if output.endswith(chr(10)) or not output else chr(10))
        sys.exit(status)
"""
CLUSTERS = """# name      context       values
a           a-context     a.yaml
central     c-context     central.yaml,common.yaml   federation  # first, wherever it stands

b           b-context     b.yaml                     member
"""
CONTEXTS = "a-context\nb-context\nc-context\n"
WORKLOADS = "daemonset.apps/kernspan-agent\ndeployment.apps/kernspan-gateway\n"
GATEWAY = "app.kubernetes.io/instance=kernspan,app.kubernetes.io/component=gateway"


class MultiClusterTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kernspan-multi-cluster-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.programs = self.folder / "bin"
        self.programs.mkdir()
        for name in ("helm", "kubectl"):
            (self.programs / name).write_text(RECORDER, encoding="utf-8")
            (self.programs / name).chmod(0o755)
        self.chart = self.folder / "chart"
        self.chart.mkdir()
        (self.chart / "Chart.yaml").write_text("name: kernspan\n", encoding="utf-8")
        self.clusters = self.folder / "clusters.txt"
        self.clusters.write_text(CLUSTERS, encoding="utf-8")
        for name in ("a", "b", "central", "common"):
            (self.folder / f"{name}.yaml").write_text("{}\n", encoding="utf-8")
        self.answer()

    def answer(self, *rows):
        """What the programs answer: (words, exit status, output), before what they answer when all is well."""
        (self.folder / "answers.json").write_text(json.dumps([
            *rows,
            (["get-contexts"], 0, CONTEXTS),
            ([GATEWAY], 0, "deployment.apps/kernspan-gateway"),
            (["get"], 0, WORKLOADS),
            (["probe"], 0, "  ok    otlp  took a request without spans"),
        ]), encoding="utf-8")

    def run_script(self, *arguments, path=None):
        done = subprocess.run(
            [SCRIPT, *arguments], capture_output=True, text=True, timeout=60, check=False, cwd=self.folder,
            env={"PATH": path or f"{self.programs}:{os.environ['PATH']}", "RECORDS": str(self.folder)})
        records = self.folder / "calls"
        calls = [json.loads(line) for line in records.read_text().splitlines()] if records.exists() else []
        records.unlink(missing_ok=True)
        return done, calls

    def deploy(self, *arguments):
        return self.run_script("deploy", "--clusters", str(self.clusters), "--chart", str(self.chart), *arguments)

    def assert_table(self, done, **results):
        """The word of each cluster in the closing table."""
        rows = {words[0]: words[3] for words in map(str.split, done.stdout.splitlines())
                if len(words) > 3 and words[1].endswith("-context")}
        self.assertEqual(rows, results, done.stdout + done.stderr)

    @staticmethod
    def contexts(calls, program, word):
        """The contexts of the calls that have this word, in order."""
        return [next(one for one in call if one.endswith("-context") and not one.startswith("-")) for call in calls
                if call[0] == program and word in call]

    def test_deploys_the_federation_tier_first_and_looks_at_every_rollout(self):
        done, calls = self.deploy("--set", "image.tag=1.2", "--timeout", "3m")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assert_table(done, central="ok", a="ok", b="ok")
        self.assertEqual(self.contexts(calls, "helm", "upgrade"), ["c-context", "a-context", "b-context"])
        first = next(call for call in calls if call[0] == "helm")
        self.assertEqual(first, [
            "helm", "upgrade", "--install", "kernspan", str(self.chart), "--kube-context", "c-context",
            "--namespace", "opentelemetry", "--create-namespace", "--wait", "--timeout", "3m",
            "--values", f"{self.folder}/central.yaml", "--values", f"{self.folder}/common.yaml",
            "--set", "image.tag=1.2"])
        self.assertEqual(self.contexts(calls, "kubectl", "rollout"),
                         [context for context in ("c-context", "a-context", "b-context") for _ in range(2)])
        self.assertEqual(self.contexts(calls, "kubectl", "probe"), ["a-context", "b-context"])
        # The caller's own context is not touched, and every call says which one it means.
        for call in calls:
            self.assertNotIn("use-context", call)
            if "get-contexts" not in call:
                self.assertTrue({"--context", "--kube-context"} & set(call), call)

    def test_a_member_that_fails_does_not_keep_others_waiting(self):
        self.answer((["helm", "a-context"], 1, "Error: UPGRADE FAILED"))
        done, calls = self.deploy()
        self.assertEqual(done.returncode, 1)
        self.assert_table(done, central="ok", a="failed", b="ok")
        self.assertNotIn("a-context", self.contexts(calls, "kubectl", "rollout"))

    def test_members_are_left_alone_when_the_federation_tier_fails(self):
        self.answer((["helm", "c-context"], 1, "Error: timed out"))
        done, calls = self.deploy()
        self.assertEqual(done.returncode, 1)
        self.assert_table(done, central="failed", a="skipped", b="skipped")
        self.assertEqual(self.contexts(calls, "helm", "upgrade"), ["c-context"])
        done, calls = self.deploy("--keep-going")
        self.assertEqual(done.returncode, 1)
        self.assert_table(done, central="failed", a="ok", b="ok")

    def test_a_rollout_that_hangs_fails_and_says_how_to_go_back(self):
        self.answer((["rollout", "b-context", "daemonset.apps/kernspan-agent"], 1, "error: timed out waiting"))
        done, _ = self.deploy()
        self.assertEqual(done.returncode, 1)
        self.assert_table(done, central="ok", a="ok", b="failed")
        self.assertIn("helm --kube-context b-context -n opentelemetry rollback kernspan", done.stdout)

    def test_a_release_without_workloads_is_no_success(self):
        self.answer((["get", "daemonsets,deployments,statefulsets", "a-context"], 0, ""))
        done, _ = self.deploy()
        self.assertEqual(done.returncode, 1)
        self.assert_table(done, central="ok", a="failed", b="ok")
        self.assertIn("has no workload", done.stderr)

    def test_a_gateway_that_does_not_get_through_fails_its_cluster(self):
        self.answer((["probe", "a-context"], 1, "  FAIL  tcp   192.0.2.7 port 4317: timed out"),
                    ([GATEWAY, "b-context"], 0, ""))
        done, _ = self.deploy()
        self.assertEqual(done.returncode, 1)
        self.assert_table(done, central="ok", a="failed", b="ok")
        self.assertIn("FAIL  tcp", done.stdout)
        self.assertIn("it has no gateway", done.stdout)
        done, calls = self.deploy("--no-connectivity")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(self.contexts(calls, "kubectl", "probe"), [])

    def test_a_dry_run_changes_nothing(self):
        done, calls = self.deploy("--dry-run")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_table(done, central="planned", a="planned", b="planned")
        for call in calls:
            self.assertTrue("--dry-run" in call or "get-contexts" in call, call)
        self.answer((["helm", "b-context"], 1, "Error: values don't meet the specifications of the schema"))
        done, _ = self.deploy("--dry-run")
        self.assertEqual(done.returncode, 1)
        self.assert_table(done, central="planned", a="planned", b="failed")

    def test_only_some_clusters(self):
        done, calls = self.deploy("--only", "b,central")
        self.assertEqual(done.returncode, 0)
        self.assert_table(done, central="ok", b="ok")
        self.assertEqual(self.contexts(calls, "helm", "upgrade"), ["c-context", "b-context"])

    def test_status_and_connectivity_only_look(self):
        self.answer((["rollout", "a-context"], 1, "error: timed out"), (["probe", "b-context"], 1, "FAIL"))
        done, calls = self.run_script("status", "--clusters", str(self.clusters))
        self.assertEqual(done.returncode, 1)
        self.assert_table(done, central="ok", a="failed", b="ok")
        self.assertEqual([call for call in calls if call[0] == "helm"], [])
        done, calls = self.run_script("connectivity", "--clusters", str(self.clusters))
        self.assertEqual(done.returncode, 1)
        self.assert_table(done, central="skipped", a="ok", b="failed")

    def test_what_is_wrong_is_said_before_anything_is_done(self):
        def clusters(text):
            self.clusters.write_text(text, encoding="utf-8")
        good = CLUSTERS
        cases = [
            (lambda: None, ("--bogus",), "unknown option --bogus"),
            (lambda: None, ("--timeout", "soon"), "expected a duration"),
            (lambda: None, ("--namespace", "Not_A_Name"), "no name of a namespace"),
            (lambda: None, ("--only", "nobody"), "has no such cluster"),
            (lambda: None, ("--set",), "--set needs a value"),
            (lambda: None, ("--chart", "/nowhere"), "there is no Chart.yaml"),
            (lambda: None, ("again",), "unexpected argument again"),
            (lambda: clusters("a a-context\n"), (), "clusters.txt:1: expected NAME CONTEXT VALUES"),
            (lambda: clusters("a a-context none.yaml\n"), (), "none.yaml cannot be read"),
            (lambda: clusters("a a-context a.yaml boss\n"), (), "member or federation, not boss"),
            (lambda: clusters("a a-context a.yaml\na a-context a.yaml\n"), (), "a is there twice"),
            (lambda: clusters("a z-context a.yaml\n"), (), "knows no context z-context"),
            (lambda: clusters("# nothing\n"), (), "names no cluster"),
            (self.clusters.unlink, (), "give --clusters FILE"),
        ]
        for prepare, arguments, message in cases:
            with self.subTest(message):
                self.clusters.write_text(good, encoding="utf-8")
                prepare()
                done, calls = self.deploy(*arguments)
                self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
                self.assertIn(message, done.stderr)
                self.assertEqual([call for call in calls if "get-contexts" not in call], [])

    def test_missing_programs_are_named(self):
        (self.programs / "helm").unlink()
        tools = self.folder / "tools"
        tools.mkdir()
        for name in ("bash", "dirname", "sed", "grep", "python3"):
            (tools / name).symlink_to(shutil.which(name))
        done, _ = self.run_script("deploy", "--clusters", str(self.clusters), "--chart", str(self.chart),
                                  path=f"{self.programs}:{tools}")
        self.assertEqual(done.returncode, 2)
        self.assertIn("helm is not installed", done.stderr)

    def test_help_lists_every_option(self):
        done, _ = self.run_script("--help")
        self.assertEqual(done.returncode, 0)
        for option in ("--clusters", "--only", "--chart", "--keep-going", "--dry-run", "Exit code 0"):
            self.assertIn(option, done.stdout)


if __name__ == "__main__":
    case_report.main("multi_cluster_test")
