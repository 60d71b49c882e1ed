"""What the real daemons say on /metrics: docs/metrics.md lists it, and dashboards and alerts name nothing else, neither
metrics nor labels nor values of labels.

    KERNSPAN_BIN=build/dev/bin tests/e2e/metrics_test.py --update     writes the table of docs/metrics.md anew"""

import json
import pathlib
import re
import shutil
import sys
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "workloads"))
import case_report  # noqa: E402
import queries  # noqa: E402
from live_case import require  # noqa: E402
from metric_fleet import Fleet  # noqa: E402
from processes import Program, free_port, wait_until  # noqa: E402
from promql_names import read_names  # noqa: E402

DOCUMENT = queries.ROOT / "docs" / "metrics.md"
TABLE = re.compile(r"(?<=<!-- table -->\n).*?(?=<!-- end -->)", re.DOTALL)
TIERS = ("agent", "gateway", "federation")


def inventory():
    with tempfile.TemporaryDirectory(prefix="kernspan-metrics-") as folder, Fleet(folder) as fleet:
        return fleet.inventory()


def table(found):
    """The table of docs/metrics.md."""
    lines = ["| metric | type | labels | daemons | meaning |", "| --- | --- | --- | --- | --- |"]
    for name, (family, tiers) in sorted(found.items()):
        labels = ", ".join(f"`{label}`" for label in sorted(family.labels))
        where = "all" if len(tiers) == len(TIERS) else ", ".join(tier for tier in TIERS if tier in tiers)
        lines.append(f"| `{name}` | {family.kind} | {labels} | {where} | {family.help.replace('|', chr(92) + '|')} |")
    return "\n".join(lines) + "\n"


class MetricsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        require()
        cls.found = inventory()

    def family(self, metric):
        """The family of a series' name; None where there is none."""
        for name in (metric, re.sub("_(bucket|sum|count)$", "", metric)):
            found = self.found.get(name)
            if found and (name == metric) != (found[0].kind == "histogram"):
                return found[0]
        return None

    def recorded(self):
        """name -> the labels of a recorded metric."""
        labels = {}
        for rule in queries.rules():
            if "record" in rule:
                names = read_names(rule["expr"])
                of_metrics = set().union(*(self.family(metric).labels for metric in names.metrics))
                labels[rule["record"]] = names.grouping or of_metrics | queries.SCRAPED_LABELS
        return labels

    def wrong_matchers(self, family, matchers):
        """Those that ask for a value that no daemon has."""
        for label, operator, value in matchers:
            if label in queries.SCRAPED_LABELS or value == ".*":
                continue
            have = family.labels.get(label, set())
            wanted = value.split("|") if "~" in operator and "(" not in value else [value]
            for each in wanted:
                if not any(re.fullmatch(each if "~" in operator else re.escape(each), one) for one in have):
                    yield f"{label}{operator}{each} (there are {', '.join(sorted(have)) or 'none'})"

    def wrong_names(self, expression, recorded):
        names = read_names(expression)
        labels = set(queries.SCRAPED_LABELS) | names.made
        for metric, matchers in names.metrics.items():
            if metric in queries.SCRAPED_METRICS:
                continue
            if metric in recorded:
                labels |= recorded[metric]
                continue
            family = self.family(metric)
            if family is None:
                yield f"no daemon has {metric}"
                continue
            labels |= set(family.labels) | ({"le"} if family.kind == "histogram" else set())
            yield from self.wrong_matchers(family, matchers)
        for label in sorted(names.grouping - labels):
            yield f"no metric of it has the label {label}"

    def test_queries_name_only_what_the_daemons_emit(self):
        recorded = self.recorded()
        count = 0
        for where, expression in queries.all_queries():
            count += 1
            with self.subTest(where):
                self.assertEqual(list(self.wrong_names(expression, recorded)), [])
        self.assertGreater(count, 100)

    def test_a_wrong_name_is_noticed(self):
        for expression in ("rate(otelcol_processor_dropped_spans_total[5m])", "sum by (no_label) (otelcol_process_uptime)",
                           'kernspan_stage_dropped{reason="no_reason"}', 'kernspan_stage_held{reason!="shutdown"}',
                           "otelcol_exporter_enqueue_size > 1", "kernspan:no_rule:ratio"):
            with self.subTest(expression):
                self.assertTrue(list(self.wrong_names(expression, self.recorded())))

    def test_annotations_name_labels_of_the_alert(self):
        recorded = self.recorded()
        for name, alert in queries.alerts().items():
            names = read_names(alert["expr"])
            labels = set(queries.SCRAPED_LABELS)
            for metric in names.metrics:
                family = self.family(metric)
                labels |= recorded.get(metric, set()) | (set(family.labels) if family else set())
            for used in re.findall(r"\$labels\.(\w+)", str(alert["annotations"])):
                self.assertIn(used, labels, name)

    def test_the_document_lists_what_there_is(self):
        written = TABLE.search(DOCUMENT.read_text(encoding="utf-8"))[0]
        self.assertEqual(written.splitlines(), table(self.found).splitlines(),
                         "run tests/e2e/metrics_test.py --update")


@unittest.skipUnless(shutil.which("prometheus"), "not installed: prometheus")
class QueriesTest(unittest.TestCase):
    """A real Prometheus scrapes the daemons, with the labels of scrape.yaml, and is asked what dashboards and alerts ask."""

    @classmethod
    def setUpClass(cls):
        require()
        folder = tempfile.TemporaryDirectory(prefix="kernspan-queries-")
        cls.addClassCleanup(folder.cleanup)
        fleet = Fleet(folder.name)
        fleet.__enter__()  # pylint: disable=unnecessary-dunder-call
        cls.addClassCleanup(fleet.__exit__)
        cls.port = free_port()
        config = pathlib.Path(folder.name) / "prometheus.yml"
        config.write_text(json.dumps({
            "global": {"scrape_interval": "500ms", "scrape_timeout": "400ms"},
            "scrape_configs": [{"job_name": name, "honor_labels": True, "static_configs": [{
                "targets": [f"127.0.0.1:{daemon.metrics_port}"],
                "labels": {"job": f"kernspan-{daemon.tier}", "cluster": "a", "namespace": "tracing",
                           "pod": name, "instance": name}}]} for name, daemon in fleet.daemons.items()]}))
        program = Program("prometheus", [
            "prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder.name}/tsdb",
            f"--web.listen-address=127.0.0.1:{cls.port}"], pathlib.Path(folder.name) / "prometheus.log")
        cls.addClassCleanup(program.stop)
        if not wait_until(lambda: cls.samples_of_every_daemon(len(fleet.daemons)), 60, 0.5):
            raise AssertionError("not all daemons were scraped three times within a minute")

    @classmethod
    def samples_of_every_daemon(cls, count):
        try:
            found = cls.query("min(count_over_time(up[1m])) >= 3 and sum(up) == " + str(count))
        except OSError:
            return False
        return bool(found)

    @classmethod
    def query(cls, expression):
        url = f"http://127.0.0.1:{cls.port}/api/v1/query?" + urllib.parse.urlencode(
            {"query": expression, "time": time.time()})
        with urllib.request.urlopen(url, timeout=20) as answer:
            return json.load(answer)["data"]["result"]

    def test_what_dashboards_ask_has_an_answer(self):
        """All but what shows faults only: those compare, and there are none."""
        asked = 0
        for name, dashboard in queries.dashboards().items():
            for where, expression in queries.dashboard_queries(dashboard):
                compares = re.search(r"(> 0|== 0)\)?$|unless|\boffset\b", expression)
                with self.subTest(f"{name}, {where}"):
                    found = self.query(expression)
                    asked += 1
                    self.assertTrue(found or compares, expression)
        self.assertGreater(asked, 80)

    def test_the_two_sides_of_an_alert_meet(self):
        """What alerts compare is there, before the comparison: labels of the two sides of an operator match."""
        recorded = {rule["record"]: rule["expr"] for rule in queries.rules() if "record" in rule}
        for name, expression in recorded.items():
            with self.subTest(name):
                self.assertTrue("reason!~" in expression or self.query(expression))
        for name, alert in queries.alerts().items():
            first = re.split(r" (?:or|and|unless) ", alert["expr"])[0]
            if first.startswith("("):
                continue  # compared within parentheses
            compared = re.sub(r" (?:[<>]|==|!=) [^<>=!]*$", "", first)
            with self.subTest(name):
                self.assertNotEqual(compared, first)
                self.assertTrue(self.query(recorded.get(compared, compared)), compared)


if __name__ == "__main__":
    if "--update" in sys.argv:
        DOCUMENT.write_text(TABLE.sub(lambda _: table(inventory()), DOCUMENT.read_text(encoding="utf-8")),
                            encoding="utf-8")
    else:
        case_report.main("metrics_test")
