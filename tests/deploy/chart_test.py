"""The Helm chart, rendered without a cluster: for the guide's values and those of tests/deploy/values its objects fit
Kubernetes' own description and each other, its configurations are valid and sound, and wrong values are refused."""

import base64
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import jsonschema
import yaml

import chart
import object_rules
from object_schemas import ObjectSchemas
from value_cases import ACCEPTED, ASKED_FOR, CONTRADICTIONS, ELSEWHERE, ENVIRONMENT, REFUSED

sys.path.insert(0, str(chart.ROOT / "tests" / "e2e"))
import case_report  # noqa: E402
from tiers import bin_folder  # noqa: E402

def schema():
    return json.loads((chart.CHART / "values.schema.json").read_text(encoding="utf-8"))


def schema_errors(merged):
    """As helm lists them: the value's path, and what is wrong with it."""
    return [f"{'.'.join(map(str, error.absolute_path)) or '(root)'}: {_innermost(error).message}"
            for error in jsonschema.Draft7Validator(schema()).iter_errors(merged)]


def _innermost(error):
    return _innermost(error.context[0]) if error.context else error


def merged_values(*arguments):
    return json.loads(chart.run("-print-values", *arguments))


class ValueSetsTest(unittest.TestCase):
    """Each file of tests/deploy/values is a case of its own: see _add_case."""

    @classmethod
    def setUpClass(cls):
        cls.schemas = ObjectSchemas()
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)

    def check(self, path):
        rendered = chart.render(path)
        given = path.read_text(encoding="utf-8")
        wrong = schema_errors(merged_values("-f", path))
        for item in rendered.objects:
            wrong += [f"{item['kind']} {item['metadata']['name']}: {line}" for line in self.schemas.errors(item)]
        wrong += object_rules.problems(rendered, given)
        for tier, text in rendered.configs().items():
            program = re.search(r"kernspan-\w+(?=[:@])", rendered.image(tier))[0]
            wrong += self.findings(path.stem, tier, program, text)
            if "selectors_file" in text:
                wrong += self.findings(path.stem, tier, program, _with_selectors_inside(rendered, text))
        self.assertFalse(wrong, "\n" + "\n".join(wrong))

    def findings(self, name, tier, program, text):
        """What the image's own program and `kernspan doctor` have against a configuration."""
        file = pathlib.Path(self.folder.name) / f"{name}.{tier}.yaml"
        file.write_text(text, encoding="utf-8")
        environment = {**os.environ, **ENVIRONMENT}
        for command in ([bin_folder() / program, "--validate", "--strict", "--config", file],
                        [bin_folder() / "kernspan", "validate", "--strict", file]):
            valid = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if valid.returncode:
                return [f"{tier}: {program}: {valid.stderr.strip()}"]
        doctor = subprocess.run([bin_folder() / "kernspan", "doctor", "--format", "json", "--fail-on", "never", "--memory", "4GiB",
                                 "--replicas", "3", file], env=environment, capture_output=True, text=True,
                                check=True)
        accepted = ACCEPTED.keys() | ASKED_FOR.get(name, set())
        return [f"{tier}: {each['reason']} [{each['id']}]" for each in json.loads(doctor.stdout)
                if each["severity"] != "info" and each["id"] not in accepted]


def _with_selectors_inside(rendered, text):
    """A configuration with what its file of selectors says, which is read at the start only."""
    config_map = next(item for item in rendered.of("ConfigMap") if "selectors.yaml" in item["data"])
    config = yaml.safe_load(text)
    del config["receivers"]["ebpf"]["selectors_file"]
    config["receivers"]["ebpf"].update(yaml.safe_load(config_map["data"]["selectors.yaml"]))
    return yaml.safe_dump(config)


def _add_case(path):
    setattr(ValueSetsTest, f"test_{path.stem}", lambda self: self.check(path))


for _path in chart.value_files():
    _add_case(_path)


class ChecksTest(unittest.TestCase):
    """The checks above can fail."""

    @classmethod
    def setUpClass(cls):
        cls.schemas = ObjectSchemas()

    def setUp(self):
        self.rendered = chart.render(chart.VALUES / "guide.yaml")
        self.given = (chart.VALUES / "guide.yaml").read_text(encoding="utf-8")

    def agent(self):
        return self.rendered.of("DaemonSet")[0]

    def test_a_misspelt_field_is_found(self):
        self.agent()["spec"]["template"]["spec"]["toleration"] = []
        self.assertRegex(str(self.schemas.errors(self.agent())), "'toleration' was unexpected")

    def test_a_value_of_another_type_is_found(self):
        self.agent()["spec"]["template"]["spec"]["hostPID"] = "yes"
        self.assertRegex(str(self.schemas.errors(self.agent())), "hostPID: 'yes' is not of type 'boolean'")

    def test_an_absent_field_is_found(self):
        del self.agent()["spec"]["selector"]
        self.assertRegex(str(self.schemas.errors(self.agent())), "'selector' is a required property")

    def test_a_kind_that_no_cluster_knows_is_found(self):
        self.assertTrue(self.schemas.errors({"apiVersion": "apps/v2", "kind": "DaemonSet"}))

    def test_broken_references_are_found(self):
        pod = self.agent()["spec"]["template"]["spec"]
        breaks = {
            "references": lambda: pod.update(serviceAccountName="nobody"),
            "selectors": lambda: self.agent()["spec"]["selector"]["matchLabels"].update(app="other"),
            "ports": lambda: self.rendered.of("Service")[0]["spec"]["ports"][0].update(targetPort="other"),
            "probes": lambda: pod["containers"][0]["livenessProbe"]["httpGet"].update(path="/other"),
            "security": lambda: pod["containers"][0]["securityContext"].update(privileged=True),
            "roles": lambda: self.rendered.of("ClusterRole")[0]["rules"][0].update(verbs=["*"]),
            "configs": lambda: pod["containers"][0]["volumeMounts"].pop(),
        }
        for rule, break_it in breaks.items():
            self.setUp()
            pod = self.agent()["spec"]["template"]["spec"]
            self.assertFalse(object_rules.problems(self.rendered, self.given))
            break_it()
            found = object_rules.problems(self.rendered, self.given)
            self.assertTrue([line for line in found if line.startswith(f"{rule}:")], f"{rule}: {found}")

    def test_a_key_that_is_there_twice_is_found(self):
        with self.assertRaisesRegex(yaml.YAMLError, "there twice"):
            chart.parse("x", "kind: A\nmetadata: {}\nkind: B\n")


class RefusalTest(unittest.TestCase):
    def test_wrong_values(self):
        for values, message in REFUSED:
            with self.subTest(str(values)), tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                yaml.safe_dump(values, file)
                file.flush()
                errors = schema_errors(merged_values("-f", file.name))
                self.assertEqual(len(errors), 1, errors)
                self.assertRegex(errors[0], message)

    def test_contradictions(self):
        for values, message in CONTRADICTIONS:
            with self.subTest(str(values)), self.assertRaisesRegex(chart.RenderError, message):
                chart.render_values(values)

    def test_the_cluster_must_be_young_enough(self):
        with self.assertRaisesRegex(chart.RenderError, "chart requires kubeVersion"):
            chart.render(chart.VALUES / "guide.yaml", "-kube-version", "v1.20.2")


class SchemaTest(unittest.TestCase):
    def test_it_has_every_value_and_no_other(self):
        defaults = yaml.safe_load((chart.CHART / "values.yaml").read_text(encoding="utf-8"))
        self.assertEqual(_schema_paths(schema()), _value_paths(defaults, schema()))

    def test_the_defaults_fit(self):
        self.assertEqual(schema_errors(merged_values()), [])

    def test_misspelt_keys_are_refused_everywhere(self):
        open_objects = [path for path, node in _walk(schema(), "")
                        if node.get("properties") and node.get("additionalProperties") is not False
                        and not re.search(r"\.(limits|requests)$", path)]
        self.assertEqual(open_objects, [])


def _walk(node, path):
    yield path, node
    for key, inner in node.get("properties", {}).items():
        yield from _walk(inner, f"{path}.{key}")


def _is_closed(node):
    return node.get("additionalProperties") is False and "required" not in node


def _schema_paths(root):
    return {path for path, node in _walk(root, "") if path}


def _value_paths(values, node, path=""):
    """Paths of the chart's values. Below a node that users may fill freely it is the schema that says what there is."""
    found = set()
    for key, inner in node.get("properties", {}).items():
        if not isinstance(values, dict) or key not in values:
            if path.rpartition(".")[2] in ("resources", "limits", "requests", "updateStrategy", "seccompProfile",
                                           "appArmorProfile", "seLinuxOptions"):
                found |= {f"{path}.{key}"} | _value_paths({}, inner, f"{path}.{key}")
            continue
        found |= {f"{path}.{key}"} | _value_paths(values[key], inner, f"{path}.{key}")
    if isinstance(values, dict) and _is_closed(node):
        found |= {f"{path}.{key}" for key in values}
    return found


class RenderingTest(unittest.TestCase):
    def test_twice_the_same(self):
        for path in chart.value_files():
            with self.subTest(path.stem):
                state = _state_of(chart.render(path))
                first, second = (_with_state(path, state) for _ in range(2))
                self.assertEqual(first, second)

    def test_the_guides_values_are_the_guides(self):
        values = yaml.safe_load((chart.VALUES / "guide.yaml").read_text(encoding="utf-8"))
        rendered = chart.render(chart.VALUES / "guide.yaml")
        gateway = rendered.find("Deployment", "kernspan-gateway")["spec"]["template"]["spec"]["containers"][0]
        self.assertEqual(gateway["resources"], values["gateway"]["resources"])
        agent = rendered.find("DaemonSet", "kernspan-agent")["spec"]["template"]["spec"]["containers"][0]
        self.assertEqual(agent["resources"], values["agent"]["resources"])
        config = yaml.safe_load(rendered.configs()["gateway"])
        self.assertEqual(config["exporters"]["otlp_grpc"]["endpoint"], values["federation"]["endpoint"])
        policies = {each["name"]: each for each in config["processors"]["tail_sampling"]["policies"]}
        self.assertEqual(policies["slow"]["latency"]["threshold_ms"], 1000)
        self.assertEqual(policies["rest"]["probabilistic"]["sampling_percentage"], 10)
        self.assertEqual(policies["errors"]["status_code"]["status_codes"], ["ERROR"])
        cluster = rendered.find("ConfigMap", "kernspan-cluster-info")["data"]
        self.assertEqual((cluster["cluster-name"], cluster["zone"]), ("production-us-east-1", "us-east-1a"))
        scaler = rendered.find("HorizontalPodAutoscaler", "kernspan-gateway")["spec"]
        self.assertEqual((scaler["minReplicas"], scaler["maxReplicas"]), (3, 10))

    def test_its_version_is_the_programs(self):
        version = re.search(r"project\(kernspan VERSION (\S+)", (chart.ROOT / "CMakeLists.txt").read_text("utf-8"))[1]
        metadata = yaml.safe_load((chart.CHART / "Chart.yaml").read_text("utf-8"))
        self.assertEqual((metadata["version"], metadata["appVersion"]), (version, version))

    def test_a_federation_tier_that_joins_or_samples_runs_the_gateways_program(self):
        tier = {"enabled": True, "exporters": {"debug": {}}}
        for more, program in (({}, "federation"), ({"stitch": {"enabled": True}}, "gateway"),
                              ({"sampling": {"enabled": True}}, "gateway")):
            rendered = chart.render_values({"federation": {**tier, **more}})
            self.assertRegex(rendered.image("federation"), f"^kernspan-{program}:")

    def test_memory_follows_the_limit(self):
        for limit, mebibytes in (("512Mi", 409), ("4Gi", 3276), ("2G", 1525), (1073741824, 819)):
            resources = {"limits": {"memory": limit}, "requests": {"memory": "128Mi"}}
            rendered = chart.render_values({**ELSEWHERE, "gateway": {"resources": resources}})
            config = yaml.safe_load(rendered.configs()["gateway"])
            self.assertEqual(config["processors"]["memory_limiter"]["limit_mib"], mebibytes, limit)

    def test_what_users_add_comes_last(self):
        rendered = chart.render_values({**ELSEWHERE, "agent": {
            "ebpf": {"url_query": True}, "config": {"processors": {"batch": {"timeout": "1s"}}}}})
        config = yaml.safe_load(rendered.configs()["agent"])
        self.assertIs(config["receivers"]["ebpf"]["url_query"], True)
        self.assertEqual(config["processors"]["batch"], {"timeout": "1s", "send_batch_size": 2048,
                                                         "send_batch_max_size": 2048})

    def test_changed_selectors_restart_nothing(self):
        rules = [{"name": "quiet", "match": {"k8s_namespace": ["kube-system"]}, "action": "ignore"}]
        first = chart.render_values({**ELSEWHERE, "agent": {"selectors": rules}})
        second = chart.render_values({**ELSEWHERE, "agent": {"selectors": [], "http": {"url_query": True}}})
        self.assertEqual(first.of("DaemonSet"), second.of("DaemonSet"))
        texts = [yaml.safe_load(each.find("ConfigMap", "kernspan-agent-selectors")["data"]["selectors.yaml"])
                 for each in (first, second)]
        self.assertEqual(texts, [{"selectors": rules}, {"selectors": [], "http": {"url_query": True}}])
        for each in (first, second):
            self.assertFalse(object_rules.problems(each, ""))

    def test_a_changed_configuration_restarts_pods(self):
        def checksums(**values):
            return {object_rules.tier_of(each): each["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
                    for each in chart.render_values({**ELSEWHERE, **values}).workloads()}
        before, after = checksums(), checksums(gateway={"sampling": {"probabilistic": 20}})
        self.assertEqual(before["agent"], after["agent"])
        self.assertNotEqual(before["gateway"], after["gateway"])

    def test_rules_and_dashboards_are_those_of_deploy(self):
        deploy = chart.ROOT / "deploy"
        pairs = {"rules": [each for each in (deploy / "prometheus").glob("*rules*.yaml") if "test" not in each.stem],
                 "dashboards": list((deploy / "grafana").glob("*.json"))}
        for folder, originals in pairs.items():
            copies = {each.name: each.read_text("utf-8") for each in (chart.CHART / "files" / folder).glob("*.*")}
            self.assertEqual(copies, {each.name: each.read_text("utf-8") for each in originals}, folder)


def _state_of(rendered):
    """What `lookup` finds after an installation."""
    return yaml.safe_dump_all(rendered.of("Secret"))


def _with_state(path, state, *arguments):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(state)
        file.flush()
        return chart.run(*chart.flags_of(path), "-is-upgrade", "-state", file.name, *arguments, "-f", path)


class CertificatesTest(unittest.TestCase):
    """The authority that the chart makes itself, with openssl as the judge."""

    def setUp(self):
        self.path = chart.VALUES / "one_replica.yaml"
        self.flags = ["-set-json", "tls: {enabled: true}"]
        self.first = chart.render(self.path, *self.flags)

    def upgraded(self, state, *flags):
        return chart.parse("upgrade", _with_state(self.path, state, *self.flags, *flags))

    def secrets(self, rendered):
        return {each["metadata"]["name"]: each["data"] for each in rendered.of("Secret")}

    def aged(self, name, days):
        """The state in which a Secret's certificate ends in so many days."""
        for item in self.first.of("Secret"):
            if item["metadata"]["name"] == name:
                expires = int(subprocess.check_output(["date", "+%s"])) + days * 86400
                item["metadata"]["annotations"]["kernspan.io/expires"] = str(expires)
        return _state_of(self.first)

    def test_they_verify_for_the_services_names(self):
        with tempfile.TemporaryDirectory() as folder:
            for tier in object_rules.TIERS:
                data = self.secrets(self.first)[f"kernspan-{tier}-tls"]
                files = {}
                for key, value in data.items():
                    files[key] = pathlib.Path(folder) / f"{tier}.{key}"
                    files[key].write_bytes(base64.b64decode(value))
                names = [f"kernspan-{tier}"] if tier == "agent" else [
                    f"kernspan-{tier}{suffix}.opentelemetry.svc.cluster.local"
                    for suffix in ("", "-headless", "-replicas")]
                for name in names:
                    for purpose in ("sslclient", "sslserver"):
                        done = subprocess.run(["openssl", "verify", "-CAfile", files["ca.crt"], "-purpose", purpose,
                                               "-verify_hostname", name, files["tls.crt"]], capture_output=True,
                                              text=True, check=False)
                        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_an_upgrade_keeps_them(self):
        self.assertEqual(self.secrets(self.upgraded(_state_of(self.first))), self.secrets(self.first))

    def test_an_upgrade_near_the_end_renews_one(self):
        before, after = self.secrets(self.first), self.secrets(self.upgraded(self.aged("kernspan-gateway-tls", 30)))
        changed = {name for name in before if before[name] != after[name]}
        self.assertEqual(changed, {"kernspan-gateway-tls"})
        self.assertEqual(before["kernspan-gateway-tls"]["ca.crt"], after["kernspan-gateway-tls"]["ca.crt"])

    def test_another_name_renews_one(self):
        after = self.secrets(self.upgraded(_state_of(self.first), "-set-json",
                                           "tls: {extraNames: {gateway: [otel.example.com]}}"))
        before = self.secrets(self.first)
        self.assertEqual({name for name in before if before[name] != after[name]}, {"kernspan-gateway-tls"})

    def test_an_authority_near_its_end_is_replaced_with_all(self):
        before, after = self.secrets(self.first), self.secrets(self.upgraded(self.aged("kernspan-ca", 100)))
        self.assertEqual({name for name in before if before[name] != after[name]}, set(before))


class NotesTest(unittest.TestCase):
    def test_they_say_what_there_is(self):
        notes = chart.run("-notes", "-f", chart.VALUES / "persistent.yaml").partition("NOTES:")[2]
        for line in ("daemonset/kernspan-agent", "statefulset/kernspan-gateway", "statefulset/kernspan-federation",
                     "signed by an authority of this release"):
            self.assertIn(line, notes)
        notes = chart.run("-notes", "-f", chart.VALUES / "no_tls.yaml").partition("NOTES:")[2]
        self.assertIn("spans travel in the clear", notes)
        self.assertNotIn("federation  ", notes)

    def test_no_kind_is_without_a_value_set(self):
        kinds = {item["kind"] for path in chart.value_files() for item in chart.render(path).objects}
        source = "".join(each.read_text("utf-8") for each in (chart.CHART / "templates").glob("*.yaml"))
        self.assertFalse(set(re.findall(r"^kind: (\w+)", source, re.MULTILINE)) - kinds)


if __name__ == "__main__":
    case_report.main("chart_test")
