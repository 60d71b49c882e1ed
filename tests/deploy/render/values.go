package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/Masterminds/semver"
	"github.com/ghodss/yaml"
)

// mergedValues does what helm does: files are merged in order, a later one wins; then the chart's defaults fill what
// is absent. A null of the user removes the chart's key; a null of the chart stays one.
func mergedValues(c *chart, o options) (map[string]interface{}, error) {
	user := map[string]interface{}{}
	for _, path := range o.valueFiles {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if err := mergeText(user, data); err != nil {
			return nil, fmt.Errorf("failed to parse %s: %w", path, err)
		}
	}
	for _, text := range o.valuesJSON {
		if err := mergeText(user, []byte(text)); err != nil {
			return nil, fmt.Errorf("failed to parse --set-json: %w", err)
		}
	}
	coalesce(user, c.values)
	return user, nil
}

func mergeText(into map[string]interface{}, data []byte) error {
	more := map[string]interface{}{}
	if err := yaml.Unmarshal(data, &more); err != nil {
		return err
	}
	overlay(into, more)
	return nil
}

// overlay writes `over` onto `base`: maps key by key, everything else whole.
func overlay(base, over map[string]interface{}) {
	for key, value := range over {
		above, isMap := value.(map[string]interface{})
		below, wasMap := base[key].(map[string]interface{})
		if isMap && wasMap {
			overlay(below, above)
		} else {
			base[key] = value
		}
	}
}

// coalesce fills `user` with what only `defaults` has, and drops the user's nulls. A user's scalar in the place of
// a default map stays; helm warns.
func coalesce(user, defaults map[string]interface{}) {
	for key, value := range defaults {
		own, present := user[key]
		switch {
		case present && own == nil:
			delete(user, key)
		case !present:
			user[key] = copyOf(value)
		default:
			ownMap, isMap := own.(map[string]interface{})
			defaultMap, wasMap := value.(map[string]interface{})
			if isMap && wasMap {
				coalesce(ownMap, defaultMap)
			} else if wasMap {
				fmt.Fprintf(os.Stderr, "warning: cannot overwrite table with non table for %s\n", key)
			}
		}
	}
}

func copyOf(value interface{}) interface{} {
	switch v := value.(type) {
	case map[string]interface{}:
		result := make(map[string]interface{}, len(v))
		for key, inner := range v {
			result[key] = copyOf(inner)
		}
		return result
	case []interface{}:
		result := make([]interface{}, len(v))
		for i, inner := range v {
			result[i] = copyOf(inner)
		}
		return result
	}
	return value
}

// metadata is .Chart: the fields that charts use, under Go's names.
type metadata struct {
	Name, Version, AppVersion, Description, Home, Icon, Type, KubeVersion, APIVersion string
	Keywords, Sources                                                                 []string
	Annotations                                                                       map[string]string
	IsRoot                                                                            bool
}

type versionSet []string

// Has says whether the cluster knows `v1`, or `apps/v1`, or `apps/v1/Deployment`.
func (s versionSet) Has(wanted string) bool {
	for _, version := range s {
		if version == wanted {
			return true
		}
	}
	return false
}

type kubeVersion struct{ Version, Major, Minor string }

func (v kubeVersion) String() string     { return v.Version }
func (v kubeVersion) GitVersion() string { return v.Version }

type capabilities struct {
	KubeVersion kubeVersion
	APIVersions versionSet
	HelmVersion struct{ Version, GitCommit, GitTreeState, GoVersion string }
}

// What a cluster of `version` serves of what the chart asks for; everything else comes by --api-versions.
func capabilitiesOf(o options) (capabilities, error) {
	version, err := semver.NewVersion(o.kubeVersion)
	if err != nil {
		return capabilities{}, fmt.Errorf("--kube-version %s: %w", o.kubeVersion, err)
	}
	c := capabilities{
		KubeVersion: kubeVersion{
			Version: "v" + strings.TrimPrefix(o.kubeVersion, "v"),
			Major:   fmt.Sprint(version.Major()), Minor: fmt.Sprint(version.Minor()),
		},
		APIVersions: versionSet{"v1", "apps/v1", "batch/v1", "networking.k8s.io/v1",
			"rbac.authorization.k8s.io/v1", "scheduling.k8s.io/v1"},
	}
	if version.Minor() >= 21 {
		c.APIVersions = append(c.APIVersions, "policy/v1", "policy/v1/PodDisruptionBudget")
	}
	if version.Minor() >= 23 {
		c.APIVersions = append(c.APIVersions, "autoscaling/v2", "autoscaling/v2/HorizontalPodAutoscaler")
	}
	c.APIVersions = append(c.APIVersions, o.apiVersions...)
	c.HelmVersion.Version = "v3.16.0"
	return c, nil
}

func text(value interface{}) string {
	if value == nil {
		return ""
	}
	return fmt.Sprint(value)
}

func strs(value interface{}) []string {
	var result []string
	items, _ := value.([]interface{})
	for _, item := range items {
		result = append(result, fmt.Sprint(item))
	}
	return result
}

// root is what templates see as `.`, without .Template, which the engine adds for each file.
type root struct {
	top map[string]interface{}
	err error
}

func rootOf(c *chart, o options, values map[string]interface{}) root {
	m := c.metadata
	annotations := map[string]string{}
	if given, ok := m["annotations"].(map[string]interface{}); ok {
		for key, value := range given {
			annotations[key] = fmt.Sprint(value)
		}
	}
	caps, err := capabilitiesOf(o)
	if err == nil {
		err = checkKubeVersion(text(m["kubeVersion"]), caps.KubeVersion.Version)
	}
	return root{err: err, top: map[string]interface{}{
		"Chart": metadata{
			Name: c.name(), Version: text(m["version"]), AppVersion: text(m["appVersion"]),
			Description: text(m["description"]), Home: text(m["home"]), Icon: text(m["icon"]),
			Type: text(m["type"]), KubeVersion: text(m["kubeVersion"]), APIVersion: text(m["apiVersion"]),
			Keywords: strs(m["keywords"]), Sources: strs(m["sources"]), Annotations: annotations, IsRoot: true,
		},
		"Capabilities": caps,
		"Files":        c.files,
		"Release": map[string]interface{}{
			"Name": o.name, "Namespace": o.namespace, "IsUpgrade": o.isUpgrade, "IsInstall": !o.isUpgrade,
			"Revision": 1, "Service": "Helm",
		},
		"Subcharts": map[string]interface{}{},
		"Values":    values,
	}}
}

func checkKubeVersion(constraint, version string) error {
	if constraint == "" {
		return nil
	}
	wanted, err := semver.NewConstraint(constraint)
	if err != nil {
		return fmt.Errorf("kubeVersion of Chart.yaml: %w", err)
	}
	have, err := semver.NewVersion(version)
	if err != nil {
		return err
	}
	if !wanted.Check(have) {
		return fmt.Errorf("chart requires kubeVersion: %s which is incompatible with Kubernetes %s", constraint, version)
	}
	return nil
}
