package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ghodss/yaml"
	yamlv3 "gopkg.in/yaml.v3"
)

// chart is a chart's folder as helm's loader sees it: templates, and `files` for everything else.
type chart struct {
	metadata  map[string]interface{}
	values    map[string]interface{}
	templates map[string]string
	files     files
}

// special are files of a chart that .Files does not show.
var special = map[string]bool{
	"Chart.yaml": true, "Chart.lock": true, "values.yaml": true, "values.schema.json": true,
}

func loadChart(directory string) (*chart, error) {
	c := &chart{templates: map[string]string{}, files: files{}}
	ignored, err := loadIgnored(directory)
	if err != nil {
		return nil, err
	}
	err = filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(directory, path)
		if err != nil || name == "." {
			return err
		}
		if ignored.matches(name, entry.IsDir()) {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if entry.IsDir() {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
		switch {
		case name == "Chart.yaml":
			return yaml.Unmarshal(data, &c.metadata)
		case name == "values.yaml":
			return yaml.Unmarshal(data, &c.values)
		case strings.HasPrefix(name, "templates/"):
			c.templates[name] = string(data)
		case !special[name] && !strings.HasPrefix(name, "charts/"):
			c.files[name] = data
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if c.metadata["name"] == nil {
		return nil, fmt.Errorf("%s: Chart.yaml is missing, or has no name", directory)
	}
	if c.values == nil {
		c.values = map[string]interface{}{}
	}
	return c, nil
}

func (c *chart) name() string { return fmt.Sprint(c.metadata["name"]) }

// patterns of .helmignore: shell patterns, a name anywhere, or a path when they have a slash; `dir/` is a folder.
type patterns []string

func loadIgnored(directory string) (patterns, error) {
	data, err := os.ReadFile(filepath.Join(directory, ".helmignore"))
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	var result patterns
	for _, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") {
			result = append(result, line)
		}
	}
	return append(result, ".helmignore"), nil
}

func (p patterns) matches(name string, isDirectory bool) bool {
	for _, pattern := range p {
		if strings.HasSuffix(pattern, "/") {
			if !isDirectory {
				continue
			}
			pattern = strings.TrimSuffix(pattern, "/")
		}
		subject := filepath.Base(name)
		if strings.Contains(pattern, "/") {
			subject = name
			pattern = strings.TrimPrefix(pattern, "/")
		}
		if found, _ := filepath.Match(pattern, subject); found {
			return true
		}
	}
	return false
}

// loadState reads the objects that `lookup` shall find.
func loadState(path string) ([]map[string]interface{}, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var objects []map[string]interface{}
	decoder := yamlv3.NewDecoder(bytes.NewReader(data))
	for {
		var object map[string]interface{}
		if err := decoder.Decode(&object); err != nil {
			if err.Error() == "EOF" {
				return objects, nil
			}
			return nil, err
		}
		if object != nil {
			objects = append(objects, object)
		}
	}
}
