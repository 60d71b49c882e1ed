"""The renderer does what helm does, where charts depend on it: each case is a small chart, and what helm makes of it."""

import json
import pathlib
import sys
import tempfile
import unittest

import chart

sys.path.insert(0, str(chart.ROOT / "tests" / "e2e"))
import case_report  # noqa: E402


class RenderTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)
        self.write("Chart.yaml", "apiVersion: v2\nname: small\nversion: 1.2.3\nappVersion: '4.5'\n")

    def write(self, path, text):
        file = self.root / "chart" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def values(self, text, name="user.yaml"):
        file = self.root / name
        file.write_text(text, encoding="utf-8")
        return ["-f", file]

    def render(self, template, *arguments):
        """The text that a template becomes, as the value of `x` where it has no lines of its own."""
        self.write("templates/x.yaml", template)
        text = chart.run(*arguments, chart=self.root / "chart")
        return text.replace("---\n# Source: small/templates/x.yaml\n", "").rstrip("\n")

    def merged(self, *arguments):
        return json.loads(chart.run("-print-values", *arguments, chart=self.root / "chart"))

    def fails(self, message, template, *arguments):
        with self.assertRaisesRegex(chart.RenderError, message):
            self.render(template, *arguments)

    # Values

    def test_values_lie_over_the_charts_key_by_key(self):
        self.write("values.yaml", "a: {b: 1, c: [1, 2]}\nd: x\n")
        self.assertEqual(self.merged(*self.values("a: {c: [3]}\ne: 5\n")), {"a": {"b": 1, "c": [3]}, "d": "x", "e": 5})

    def test_null_takes_a_default_away(self):
        self.write("values.yaml", "a: {b: 1, c: 2}\nd: {e: 1}\n")
        self.assertEqual(self.merged(*self.values("a: {b: null}\nd: null\n")), {"a": {"c": 2}})

    def test_a_later_file_wins_and_may_take_away_what_an_earlier_one_said(self):
        self.write("values.yaml", "a: 1\n")
        flags = self.values("a: 2\nb: {c: 1}\n") + self.values("a: null\nb: {d: 2}\n", "second.yaml")
        self.assertEqual(self.merged(*flags), {"b": {"c": 1, "d": 2}})

    def test_a_default_map_gives_way_to_a_scalar(self):
        self.write("values.yaml", "a: {b: 1}\n")
        self.assertEqual(self.merged(*self.values("a: off\n")), {"a": False})

    def test_a_list_takes_the_place_of_a_list(self):
        self.write("values.yaml", "a: [1, 2, 3]\n")
        self.assertEqual(self.merged("-set-json", "a: []"), {"a": []})

    def test_numbers_are_floats(self):
        self.write("values.yaml", "big: 10000000\nsmall: 7\n")
        self.assertEqual(self.render("x: {{ .Values.big }} {{ int64 .Values.big }} {{ .Values.small }}"),
                         "x: 1e+07 10000000 7")

    # Templates

    def test_white_space_is_trimmed_where_asked(self):
        self.assertEqual(self.render("a: 1\n{{- if true }}\nb: 2\n{{- end }}\nc: 3"), "a: 1\nb: 2\nc: 3")

    def test_absent_values_print_nothing(self):
        self.assertEqual(self.render("a: [{{ .Values.absent }}]"), "a: []")

    def test_a_field_of_an_absent_map_is_an_error(self):
        self.fails("nil pointer evaluating interface {}", "a: {{ .Values.absent.field }}")

    def test_include_and_nindent(self):
        self.write("templates/_parts.tpl", '{{- define "part" -}}\na: 1\nb: {{ . }}\n{{- end -}}')
        self.assertEqual(self.render('top:\n  {{- include "part" 2 | nindent 2 }}'), "top:\n  a: 1\n  b: 2")

    def test_templates_that_include_themselves_for_ever(self):
        self.write("templates/_parts.tpl", '{{- define "part" -}}{{ include "part" . }}{{- end -}}')
        self.fails("nested reference name: part", '{{ include "part" . }}')

    def test_a_definition_nearer_to_the_root_wins(self):
        self.write("templates/deep/_parts.tpl", '{{- define "part" -}}deep{{- end -}}')
        self.write("templates/_parts.tpl", '{{- define "part" -}}near{{- end -}}')
        self.assertEqual(self.render('a: {{ include "part" . }}'), "a: near")

    def test_files_with_an_underscore_and_empty_documents_give_nothing(self):
        self.write("templates/_not.yaml", "never: there\n")
        self.write("templates/empty.yaml", "{{- if false }}\na: 1\n{{- end }}\n# a comment\n")
        self.assertEqual(self.render("a: 1\n---\n\n---\nb: 2"), "a: 1\n---\n# Source: small/templates/x.yaml\nb: 2"
                         .replace("---\n# Source: small/templates/x.yaml\n", ""))

    def test_tpl_sees_the_charts_templates(self):
        self.write("templates/_parts.tpl", '{{- define "part" -}}part of {{ .Release.Name }}{{- end -}}')
        self.write("values.yaml", "text: '{{ include \"part\" . }}'\n")
        self.assertEqual(self.render("a: {{ tpl .Values.text . }}", "-name", "r1"), "a: part of r1")

    def test_required_and_fail(self):
        self.write("values.yaml", "empty: ''\nzero: 0\n")
        self.fails("say who", 'a: {{ required "say who" .Values.who }}')
        self.fails("not empty", 'a: {{ required "not empty" .Values.empty }}')
        self.fails("no good", '{{ fail "no good" }}')
        self.assertEqual(self.render('a: {{ required "zero is something" .Values.zero }}'), "a: 0")

    def test_the_last_template_by_name_is_executed_first(self):
        self.write("templates/y.yaml", '{{ fail "y" }}')
        self.fails("y$", '{{ fail "x" }}')

    def test_the_environment_is_out_of_reach(self):
        self.fails('function "env" not defined', 'a: {{ env "HOME" }}')

    # Conversions

    def test_yaml_there_and_back(self):
        self.write("values.yaml", "m: {b: [1, x], a: {c: true}, size: 4294967296}\n")
        self.assertEqual(self.render("{{ toYaml .Values.m }}"), "a:\n  c: true\nb:\n- 1\n- x\nsize: 4294967296")
        self.assertEqual(self.render('a: {{ ("b: {c: 5}" | fromYaml).b.c }}'), "a: 5")
        self.assertEqual(self.render('a: {{ "- 1\n- 2" | fromYamlArray | len }}'.replace("\n", "\\n")), "a: 2")

    def test_yaml_that_is_none_becomes_an_error_to_look_at(self):
        self.assertRegex(self.render('a: {{ hasKey ("a: [" | fromYaml) "Error" }}'), "a: true")

    # What is known of the chart, the release and the cluster

    def test_chart_and_release(self):
        self.assertEqual(self.render("a: {{ .Chart.Name }} {{ .Chart.Version }} {{ .Chart.AppVersion }} "
                                     "{{ .Release.Namespace }} {{ .Release.Service }} {{ .Template.Name }}",
                                     "-namespace", "ns"), "a: small 1.2.3 4.5 ns Helm small/templates/x.yaml")

    def test_capabilities(self):
        template = ('a: {{ .Capabilities.KubeVersion.Minor }} {{ semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version }} '
                    '{{ .Capabilities.APIVersions.Has "autoscaling/v2" }}')
        self.assertEqual(self.render(template, "-kube-version", "v1.22.4"), "a: 22 false false")
        self.assertEqual(self.render(template, "-kube-version", "1.31.0-gke.100"), "a: 31 true true")

    def test_files(self):
        self.write("files/a.txt", "one\ntwo\n")
        self.write("files/deep/b.txt", "three\n")
        self.write(".helmignore", "*.bak\n")
        self.write("files/c.bak", "gone\n")
        self.assertEqual(self.render('a: {{ .Files.Get "files/a.txt" | quote }}'), 'a: "one\\ntwo\\n"')
        self.assertEqual(self.render('a: {{ .Files.Get "absent" | quote }}'), 'a: ""')
        for pattern, found in (("files/*", 1), ("files/**", 2), ("**.txt", 2), ("files/*.bak", 0),
                               ("files/{a,x}.txt", 1)):
            self.assertEqual(self.render(f'a: {{{{ .Files.Glob "{pattern}" | len }}}}'), f"a: {found}", pattern)
        self.assertEqual(self.render('{{ (.Files.Glob "files/a.txt").AsConfig }}'), "a.txt: |\n  one\n  two")
        self.assertEqual(self.render('{{ .Files.Get "values.yaml" }}x: 1'), "x: 1")

    def test_lookup(self):
        template = 'a: {{ (lookup "v1" "Secret" "ns" "s").data | default dict | toJson }}'
        self.assertEqual(self.render(template), "a: {}")
        state = self.root / "state.yaml"
        state.write_text("apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: ns}\ndata: {k: dg==}\n")
        self.assertEqual(self.render(template, "-state", state), 'a: {"k":"dg=="}')
        self.assertEqual(self.render('a: {{ (lookup "v1" "Secret" "other" "s") | toJson }}', "-state", state), "a: {}")
        self.assertEqual(self.render('a: {{ (lookup "v1" "Secret" "" "").items | len }}', "-state", state), "a: 1")


if __name__ == "__main__":
    case_report.main("render_test")
