"""The queries of deploy/prometheus and deploy/grafana."""

import json
import re

import yaml

from tiers import ROOT

RULES = ROOT / "deploy" / "prometheus" / "rules.yaml"
RULE_TESTS = ROOT / "deploy" / "prometheus" / "rules_test.yaml"
SCRAPE = ROOT / "deploy" / "prometheus" / "scrape.yaml"
DASHBOARDS = sorted((ROOT / "deploy" / "grafana").glob("*.json"))
# What Prometheus or scrape.yaml adds to every series.
SCRAPED_METRICS = {"up"}
SCRAPED_LABELS = {"job", "instance", "cluster", "namespace", "pod"}


def rules():
    """Every rule, alerts and recorded ones."""
    with open(RULES, encoding="utf-8") as file:
        return [rule for group in yaml.safe_load(file)["groups"] for rule in group["rules"]]


def alerts():
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def dashboards():
    """file name -> dashboard."""
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in DASHBOARDS}


def panels(dashboard):
    """Of all rows, rows left out."""
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            yield panel
        yield from panel.get("panels", [])


def without_variables(expression):
    """A dashboard's expression as Grafana sends it, with something for each of its variables."""
    expression = expression.replace("$__rate_interval", "5m").replace("$__interval", "1m").replace("$__range", "1h")
    return re.sub(r"\$\{?(\w+)(?::\w+)?\}?", ".*", expression)


def dashboard_queries(dashboard):
    """(where, expression) of all panels and variables."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            yield panel["title"], without_variables(target["expr"])
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            series, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()
            yield f"variable {variable['name']}", f"group by ({label}) ({without_variables(series)})"


def all_queries():
    """(where, expression) of every rule and dashboard."""
    for rule in rules():
        yield rule.get("alert") or rule["record"], rule["expr"]
    for name, dashboard in dashboards().items():
        for where, expression in dashboard_queries(dashboard):
            yield f"{name}, {where}", expression
