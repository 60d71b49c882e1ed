// render: what `helm template` and `helm install --dry-run` print for one chart, without helm. Debian has no helm,
// but it has what helm's engine is made of: text/template and sprig.
//
//	render [flags] CHART        flags as in helm: --name, --namespace, -f, --set-json, --kube-version, ...
//
// Not here, because the chart does not use them: dependencies, subcharts, hooks' order, CRDs, library charts, post
// renderers, `--set` with its own grammar, toToml, and DNS look-ups. values.schema.json is checked by the test that
// calls this, with --print-values.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
)

type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

type options struct {
	name, namespace, kubeVersion, state string
	valueFiles, valuesJSON, apiVersions list
	isUpgrade, printValues, withNotes   bool
	chart                               string
}

func parseOptions() options {
	o := options{}
	flag.StringVar(&o.name, "name", "kernspan", "release name")
	flag.StringVar(&o.namespace, "namespace", "opentelemetry", "namespace of the release")
	flag.StringVar(&o.kubeVersion, "kube-version", "v1.30.0", ".Capabilities.KubeVersion")
	flag.StringVar(&o.state, "state", "", "YAML stream of objects that `lookup` finds in the cluster")
	flag.Var(&o.valueFiles, "f", "file of values; repeat to merge, later ones win")
	flag.Var(&o.valuesJSON, "set-json", "values as JSON or YAML text, merged after the files")
	flag.Var(&o.apiVersions, "api-versions", "further .Capabilities.APIVersions")
	flag.BoolVar(&o.isUpgrade, "is-upgrade", false, ".Release.IsUpgrade")
	flag.BoolVar(&o.printValues, "print-values", false, "print the merged values as JSON, render nothing")
	flag.BoolVar(&o.withNotes, "notes", false, "print NOTES.txt at the end")
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	o.chart = flag.Arg(0)
	return o
}

func run(o options) error {
	c, err := loadChart(o.chart)
	if err != nil {
		return err
	}
	values, err := mergedValues(c, o)
	if err != nil {
		return err
	}
	if o.printValues {
		return json.NewEncoder(os.Stdout).Encode(values)
	}
	objects, err := loadState(o.state)
	if err != nil {
		return err
	}
	rendered, err := newEngine(c, objects).render(rootOf(c, o, values))
	if err != nil {
		return err
	}
	printManifests(rendered)
	if o.withNotes {
		fmt.Printf("NOTES:\n%s\n", rendered.notes)
	}
	return nil
}

func main() {
	if err := run(parseOptions()); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}
