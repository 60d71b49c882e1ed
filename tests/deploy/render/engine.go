package main

import (
	"fmt"
	"path"
	"sort"
	"strings"
	"text/template"
)

// The depth at which helm gives up on templates that include each other.
const mostIncludes = 1000

type engine struct {
	chart   *chart
	objects []map[string]interface{}
}

type manifest struct{ source, text string }

type rendered struct {
	manifests []manifest
	notes     string
}

func newEngine(c *chart, objects []map[string]interface{}) *engine { return &engine{c, objects} }

// render parses all templates into one set, deepest paths first so that definitions nearer to the root win, and
// executes those whose names do not begin with an underscore.
func (e *engine) render(r root) (*rendered, error) {
	if r.err != nil {
		return nil, r.err
	}
	t := template.New("gotpl").Option("missingkey=zero")
	e.addFunctions(t, map[string]int{})
	names := make([]string, 0, len(e.chart.templates))
	for name := range e.chart.templates {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		deep, deeper := strings.Count(names[i], "/"), strings.Count(names[j], "/")
		if deep != deeper {
			return deep > deeper
		}
		return names[i] > names[j]
	})
	for _, name := range names {
		if _, err := t.New(e.fullName(name)).Parse(e.chart.templates[name]); err != nil {
			return nil, fmt.Errorf("parse error: %w", err)
		}
	}
	result := &rendered{}
	// In the same order, as helm: of two templates that fail it is this one's first whose words are heard.
	for _, name := range names {
		if strings.HasPrefix(path.Base(name), "_") {
			continue
		}
		top := map[string]interface{}{}
		for key, value := range r.top {
			top[key] = value
		}
		top["Template"] = map[string]interface{}{
			"Name": e.fullName(name), "BasePath": e.chart.name() + "/templates",
		}
		var out strings.Builder
		if err := t.ExecuteTemplate(&out, e.fullName(name), top); err != nil {
			return nil, fmt.Errorf("execution error: %w", err)
		}
		text := strings.ReplaceAll(out.String(), "<no value>", "")
		if path.Base(name) == "NOTES.txt" {
			result.notes = text
		} else if strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") {
			result.manifests = append(result.manifests, split(e.fullName(name), text)...)
		}
	}
	// Helm orders by kind; by file and place is easier to read.
	sort.SliceStable(result.manifests, func(i, j int) bool {
		return result.manifests[i].source < result.manifests[j].source
	})
	return result, nil
}

func (e *engine) fullName(name string) string { return e.chart.name() + "/" + name }

// split cuts a file's text into its documents and leaves out those that are empty or only comments.
func split(source, text string) []manifest {
	var result []manifest
	for _, document := range strings.Split("\n"+text, "\n---") {
		hasContent := false
		for _, line := range strings.Split(document, "\n") {
			line = strings.TrimSpace(line)
			hasContent = hasContent || (line != "" && !strings.HasPrefix(line, "#"))
		}
		if hasContent {
			result = append(result, manifest{source, strings.Trim(document, "\n")})
		}
	}
	return result
}

func printManifests(r *rendered) {
	for _, m := range r.manifests {
		fmt.Printf("---\n# Source: %s\n%s\n", m.source, m.text)
	}
}
