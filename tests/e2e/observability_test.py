"""deploy/prometheus and deploy/grafana by themselves: promtool takes the rules, every alert has a test and an entry
among the runbooks, and the dashboards are what Grafana imports. What the queries name is metrics_test's."""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "workloads"))
import case_report  # noqa: E402
import queries  # noqa: E402
from promql_names import read_names  # noqa: E402

RUNBOOKS = queries.ROOT / "docs" / "runbooks.md"
OPERATIONS = queries.ROOT / "docs" / "operations.md"
COLUMNS = 24
# Units by Grafana's ids; "none" is one.
UNITS = {"none", "cps", "reqps", "percentunit", "bytes", "s", "ms", "ns"}


def promtool(*arguments):
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=120,
                          check=False)
    return done.returncode, done.stdout + done.stderr


def fires(test):
    """The alerts that a test of rules_test.yaml wants to fire."""
    return {found for each in test["promql_expr_test"] for sample in each["exp_samples"]
            for found in re.findall(r'alertname="(\w+)"', sample["labels"])}


@unittest.skipUnless(shutil.which("promtool"), "not installed: promtool")
class RulesTest(unittest.TestCase):
    def test_promtool_takes_the_rules(self):
        status, output = promtool("check", "rules", queries.RULES)
        self.assertEqual(status, 0, output)

    def test_alerts_fire_when_they_must_and_only_then(self):
        status, output = promtool("test", "rules", queries.RULE_TESTS)
        self.assertEqual(status, 0, output)

    def test_rule_tests_can_fail(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            text = queries.RULES.read_text(encoding="utf-8")
            (folder / "rules.yaml").write_text(text.replace("ratio > 0.8", "ratio > 0.4"), encoding="utf-8")
            shutil.copy(queries.RULE_TESTS, folder)
            status, output = promtool("test", "rules", folder / queries.RULE_TESTS.name)
            self.assertNotEqual(status, 0, output)

    def test_every_alert_is_tested_both_ways(self):
        with open(queries.RULE_TESTS, encoding="utf-8") as file:
            tests = yaml.safe_load(file)["tests"]
        self.assertEqual(set().union(*map(fires, tests)), set(queries.alerts()))
        for test in tests:
            expected = [each["exp_samples"] for each in test["promql_expr_test"]]
            self.assertIn([], expected, f"{test['name']}: nothing says when nothing fires")

    def test_every_query_of_the_dashboards_parses(self):
        rules = [{"record": "parses", "expr": expression, "labels": {"number": str(number)}}
                 for number, (_, expression) in enumerate(queries.all_queries())]
        self.assertGreater(len(rules), 100)
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}, file)
            file.flush()
            status, output = promtool("check", "rules", file.name)
        self.assertEqual(status, 0, output)

    def test_the_scrape_configuration_is_one(self):
        with open(queries.SCRAPE, encoding="utf-8") as file:
            scrape = yaml.safe_load(file)
        made = {relabel.get("target_label") for relabel in scrape["scrape_configs"][0]["relabel_configs"]}
        self.assertEqual(made - {None}, queries.SCRAPED_LABELS)
        # Debian's Prometheus is built without the discovery by Kubernetes.
        for job in scrape["scrape_configs"]:
            del job["kubernetes_sd_configs"]
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump(scrape, file)
            file.flush()
            status, output = promtool("check", "config", file.name)
        self.assertEqual(status, 0, output)


class RunbookTest(unittest.TestCase):
    def setUp(self):
        self.sections = re.split(r"^## ", RUNBOOKS.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]

    def test_every_alert_leads_to_its_entry_and_every_entry_has_an_alert(self):
        anchors = {section.splitlines()[0].strip().lower() for section in self.sections
                   if section.startswith("Kernspan")}
        for name, alert in queries.alerts().items():
            with self.subTest(name):
                self.assertEqual(alert["annotations"]["runbook_url"], f"docs/runbooks.md#{name.lower()}")
                self.assertIn(name.lower(), anchors)
        self.assertEqual(anchors, {name.lower() for name in queries.alerts()})

    def test_every_entry_says_what_it_means_and_what_to_do(self):
        for section in self.sections:
            if not section.startswith("Kernspan"):
                continue
            with self.subTest(section.splitlines()[0]):
                self.assertIn("\n**Means.** ", section)
                self.assertIn("\n**Do.** ", section)

    def test_alerts_are_labelled_and_described(self):
        for name, alert in queries.alerts().items():
            with self.subTest(name):
                self.assertIn(alert["labels"]["severity"], ("info", "warning", "critical"))
                self.assertEqual({*alert["annotations"]}, {"summary", "description", "runbook_url"})

    def test_what_became_of_the_guides_alerts_is_written_down(self):
        seeds = queries.ROOT / "tests" / "vectors" / "seed_configs"
        text = OPERATIONS.read_text(encoding="utf-8")
        for file in ("alerts-collector.yaml", "alerts-cross-cluster.yaml"):
            groups = yaml.safe_load((seeds / file).read_text(encoding="utf-8"))["groups"]
            for rule in (rule for group in groups for rule in group["rules"]):
                self.assertIn(f"| `{rule['alert']}` |", text)


class DashboardTest(unittest.TestCase):
    """The parts of Grafana's dashboard model on which an import fails or a panel stays empty."""

    def each(self):
        found = queries.dashboards()
        self.assertGreaterEqual(len(found), 4)
        for name, dashboard in found.items():
            with self.subTest(name):
                yield dashboard

    def test_dashboards_have_what_an_import_needs(self):
        uids, titles = [], []
        for dashboard in self.each():
            uids.append(dashboard["uid"])
            titles.append(dashboard["title"])
            self.assertNotIn("id", dashboard, "an id belongs to one Grafana")
            self.assertGreaterEqual(dashboard["schemaVersion"], 36)
            self.assertLessEqual(len(dashboard["uid"]), 40)
            self.assertTrue(dashboard["description"])
            variables = {each["name"]: each for each in dashboard["templating"]["list"]}
            self.assertEqual(variables["datasource"]["type"], "datasource")
            self.assertEqual(variables["datasource"]["query"], "prometheus")
        self.assertEqual(len(set(uids)), len(uids))
        self.assertEqual(len(set(titles)), len(titles))

    def test_panels_have_ids_of_their_own_and_do_not_overlap(self):
        for dashboard in self.each():
            ids, taken = [], {}
            for panel in dashboard["panels"]:
                ids.append(panel["id"])
                place = panel["gridPos"]
                self.assertGreater(place["w"], 0)
                self.assertLessEqual(place["x"] + place["w"], COLUMNS, panel["title"])
                for x in range(place["x"], place["x"] + place["w"]):
                    for y in range(place["y"], place["y"] + place["h"]):
                        self.assertNotIn((x, y), taken, f"{panel['title']} lies on {taken.get((x, y))}")
                        taken[x, y] = panel["title"]
            self.assertEqual(len(set(ids)), len(ids))

    def test_panels_say_what_they_show_in_which_unit(self):
        for dashboard in self.each():
            for panel in queries.panels(dashboard):
                with self.subTest(panel["title"]):
                    self.assertIn(panel["type"], ("timeseries", "stat", "table"))
                    self.assertTrue(panel["description"].endswith("."))
                    self.assertIn(panel["fieldConfig"]["defaults"]["unit"], UNITS)
                    self.assertEqual(panel["datasource"], {"type": "prometheus", "uid": "${datasource}"})
                    self.assertEqual(len({target["refId"] for target in panel["targets"]}), len(panel["targets"]))
                    for target in panel["targets"]:
                        self.assertEqual(target["datasource"]["uid"], "${datasource}")

    def test_variables_are_there_and_legends_name_labels_of_the_result(self):
        for dashboard in self.each():
            known = {variable["name"] for variable in dashboard["templating"]["list"]}
            for panel in queries.panels(dashboard):
                for target in panel["targets"]:
                    used = set(re.findall(r"\$\{?(\w+)\}?", target["expr"]))
                    self.assertLessEqual({each for each in used if not each.startswith("__")}, known)
                    grouping = read_names(queries.without_variables(target["expr"])).grouping
                    if grouping:
                        shown = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
                        self.assertLessEqual(shown, grouping, panel["title"])


if __name__ == "__main__":
    case_report.main("observability_test")
