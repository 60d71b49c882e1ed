package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"github.com/ghodss/yaml"
)

// addFunctions gives `t` sprig's functions less those that read the environment, and helm's own. `depth` counts how
// often each name is being included.
func (e *engine) addFunctions(t *template.Template, depth map[string]int) {
	functions := sprig.TxtFuncMap()
	delete(functions, "env")
	delete(functions, "expandenv")
	functions["toYaml"] = toYaml
	functions["mustToYaml"] = mustToYaml
	functions["fromYaml"] = fromYaml
	functions["fromYamlArray"] = fromYamlArray
	functions["toJson"] = toJSON
	functions["fromJson"] = fromJSON
	functions["fromJsonArray"] = fromJSONArray
	functions["required"] = required
	functions["fail"] = func(message string) (string, error) { return "", errors.New(message) }
	functions["lookup"] = e.lookup
	functions["include"] = func(name string, data interface{}) (string, error) {
		if depth[name] > mostIncludes {
			return "", fmt.Errorf("rendering template has a nested reference name: %s", name)
		}
		depth[name]++
		defer func() { depth[name]-- }()
		var out strings.Builder
		err := t.ExecuteTemplate(&out, name, data)
		return out.String(), err
	}
	functions["tpl"] = func(text string, data interface{}) (string, error) {
		clone, err := t.Clone()
		if err != nil {
			return "", err
		}
		// A clone forgets its options, and what it defines must not reach the others.
		clone.Option("missingkey=zero")
		e.addFunctions(clone, depth)
		parsed, err := clone.New("gotpl").Parse(text)
		if err != nil {
			return "", fmt.Errorf("cannot parse template %q: %w", text, err)
		}
		var out strings.Builder
		if err := parsed.Execute(&out, data); err != nil {
			return "", fmt.Errorf("error during tpl function execution for %q: %w", text, err)
		}
		return strings.ReplaceAll(out.String(), "<no value>", ""), nil
	}
	t.Funcs(functions)
}

func required(message string, value interface{}) (interface{}, error) {
	if value == nil || value == "" {
		return value, errors.New(message)
	}
	return value, nil
}

func mustToYaml(value interface{}) (string, error) {
	data, err := yaml.Marshal(value)
	return strings.TrimSuffix(string(data), "\n"), err
}

func toYaml(value interface{}) string {
	result, err := mustToYaml(value)
	if err != nil {
		return "" // as helm: templates cannot see the error
	}
	return result
}

func fromYaml(text string) map[string]interface{} {
	result := map[string]interface{}{}
	if err := yaml.Unmarshal([]byte(text), &result); err != nil {
		result["Error"] = err.Error()
	}
	return result
}

func fromYamlArray(text string) []interface{} {
	result := []interface{}{}
	if err := yaml.Unmarshal([]byte(text), &result); err != nil {
		return []interface{}{err.Error()}
	}
	return result
}

func toJSON(value interface{}) string {
	data, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(data)
}

func fromJSON(text string) map[string]interface{} {
	result := map[string]interface{}{}
	if err := json.Unmarshal([]byte(text), &result); err != nil {
		result["Error"] = err.Error()
	}
	return result
}

func fromJSONArray(text string) []interface{} {
	result := []interface{}{}
	if err := json.Unmarshal([]byte(text), &result); err != nil {
		return []interface{}{err.Error()}
	}
	return result
}

// lookup answers from --state: an object, or with an empty name a list; an empty map when there is none, which is
// also what helm answers without a cluster.
func (e *engine) lookup(apiVersion, kind, namespace, name string) (map[string]interface{}, error) {
	var items []interface{}
	for _, object := range e.objects {
		about, _ := object["metadata"].(map[string]interface{})
		if object["apiVersion"] != apiVersion || object["kind"] != kind || about == nil ||
			(namespace != "" && about["namespace"] != namespace) {
			continue
		}
		if name != "" && about["name"] == name {
			return object, nil
		}
		items = append(items, object)
	}
	if name != "" || items == nil {
		return map[string]interface{}{}, nil
	}
	return map[string]interface{}{"apiVersion": apiVersion, "kind": kind + "List", "items": items}, nil
}

// files is .Files: everything of the chart that is no template.
type files map[string][]byte

func (f files) Get(name string) string      { return string(f[name]) }
func (f files) GetBytes(name string) []byte { return f[name] }

// Glob: `*` stays within a folder, `**` does not, `{a,b}` is one of them.
func (f files) Glob(pattern string) files {
	expression := regexp.QuoteMeta(pattern)
	for _, rule := range [][2]string{
		{`\*\*`, `.*`}, {`\*`, `[^/]*`}, {`\?`, `[^/]`}, {`\{`, `(?:`}, {`\}`, `)`}, {`,`, `|`},
	} {
		expression = strings.ReplaceAll(expression, rule[0], rule[1])
	}
	result := files{}
	matcher, err := regexp.Compile("^" + expression + "$")
	if err != nil {
		return result
	}
	for name, data := range f {
		if matcher.MatchString(name) {
			result[name] = data
		}
	}
	return result
}

func (f files) Lines(name string) []string {
	text := strings.TrimSuffix(string(f[name]), "\n")
	if text == "" {
		return []string{}
	}
	return strings.Split(text, "\n")
}

// AsConfig is the `data` of a ConfigMap, by the files' base names.
func (f files) AsConfig() string {
	data := map[string]string{}
	for name, content := range f {
		data[path.Base(name)] = string(content)
	}
	return asBlock(data)
}

// AsSecrets is the `data` of a Secret.
func (f files) AsSecrets() string {
	data := map[string]string{}
	for name, content := range f {
		data[path.Base(name)] = base64.StdEncoding.EncodeToString(content)
	}
	return asBlock(data)
}

func asBlock(data map[string]string) string {
	if len(data) == 0 {
		return ""
	}
	return toYaml(data)
}
