"""The modules of deploy/terraform, read by HashiCorp's own parser (Terraform itself is not among Debian's packages):
everything that is referred to is declared, and the variables' validations let in and refuse what they should."""

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

MODULES = ("aws", "gcp", "azure")
GOPATH = pathlib.Path("/usr/share/gocode")
CASES = [
    {"variable": "name", "value": "kernspan-otlp", "valid": True},
    {"variable": "name", "value": "Kernspan", "valid": False},
    {"variable": "cluster_cidrs", "value": {"a": ["10.0.0.0/16"], "b": ["10.1.0.0/16", "fd00::/64"]}, "valid": True},
    {"variable": "cluster_cidrs", "value": {}, "valid": False},
    {"variable": "cluster_cidrs", "value": {"a": []}, "valid": False},
    {"variable": "cluster_cidrs", "value": {"a": ["10.0.0.0/33"]}, "valid": False},
    {"variable": "cluster_cidrs", "value": {"a": ["10.0.0.1"]}, "valid": False},
    {"variable": "cluster_cidrs", "value": {"a": ["10.0.0.0/16"], "b": ["0.0.0.0/0"]}, "valid": False},
    {"variable": "cluster_cidrs", "value": {"a": ["::/0"]}, "valid": False},
    {"variable": "ports", "value": {"grpc": 4317, "http": 4318}, "valid": True},
    {"variable": "ports", "value": {"grpc": 0}, "valid": False},
    {"variable": "ports", "value": {"grpc": 65536}, "valid": False},
    {"variable": "ports", "value": {}, "valid": False},
    {"module": "aws", "variable": "vpc_id", "value": "vpc-0123456789abcdef0", "valid": True},
    {"module": "aws", "variable": "vpc_id", "value": "my-vpc", "valid": False},
    {"module": "gcp", "variable": "target_tags", "value": [], "valid": False},
    {"module": "azure", "variable": "first_priority", "value": 300, "valid": True},
    {"module": "azure", "variable": "first_priority", "value": 4096, "valid": False},
]


@unittest.skipUnless(shutil.which("go"), "not installed: go")
@unittest.skipUnless((GOPATH / "src/github.com/hashicorp/hcl/v2").is_dir(), "not installed: golang-github-hashicorp-hcl-v2-dev")
class TerraformTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="kernspan-terraform-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.checker = cls.folder / "checker"
        built = subprocess.run(
            ["go", "build", "-o", cls.checker, ROOT / "tests" / "deploy" / "terraform" / "main.go"],
            capture_output=True, text=True, timeout=300, check=False,
            env={**os.environ, "GO111MODULE": "off", "GOPATH": str(GOPATH), "GOFLAGS": "",
                 "GOCACHE": os.environ.get("GOCACHE", str(cls.folder / "cache"))})
        if built.returncode != 0:
            raise AssertionError(built.stderr)

    def check(self, *modules):
        cases = self.folder / "cases.json"
        cases.write_text(json.dumps(CASES), encoding="utf-8")
        return subprocess.run([self.checker, cases, *modules], capture_output=True, text=True, timeout=60,
                              check=False)

    def test_the_modules_hold_together(self):
        done = self.check(*(ROOT / "deploy" / "terraform" / name for name in MODULES))
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)

    def test_faults_are_found(self):
        faults = [("main.tf", "var.vpc_id", "var.vpc", "var.vpc is not declared"),
                  ("main.tf", "aws_security_group.otlp.id", "aws_security_group.other.id", "other is not declared"),
                  ("main.tf", "for_each = local.rules", "for_each = local.no_rules", "local.no_rules is not declared"),
                  ("main.tf", "resource \"aws_security_group\" \"otlp\" {", "resource {{", "main.tf:"),
                  ("outputs.tf", "  description = \"What is let in: a line for each rule.\"\n", "", "has no description"),
                  ("variables.tf", "port <= 65535", "port <= 99999", "ports = {\"grpc\": 65536}")]
        for number, (file, old, new, message) in enumerate(faults):
            with self.subTest(message):
                module = self.folder / str(number) / "aws"
                shutil.copytree(ROOT / "deploy" / "terraform" / "aws", module)
                text = (module / file).read_text(encoding="utf-8")
                self.assertIn(old, text)
                (module / file).write_text(text.replace(old, new), encoding="utf-8")
                done = self.check(module)
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertIn(message, done.stdout)


if __name__ == "__main__":
    case_report.main("terraform_test")
