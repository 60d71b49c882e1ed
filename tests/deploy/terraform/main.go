// Checks Terraform modules with HashiCorp's own parser of their language: what is referred to is declared, what is
// declared is described and used, and the validations of variables say yes and no as the cases want.
//
//	main CASES.json MODULE...
//
// CASES.json: a list of {"module", "variable", "value", "valid"}. Prints a line per fault; exit code 1: there are some.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

type variable struct {
	body        *hclsyntax.Body
	validations []hclsyntax.Expression
	used        bool
}

type module struct {
	name      string
	files     []*hclsyntax.Body
	variables map[string]*variable
	locals    map[string]bool // used?
	resources map[string]bool
	faults    int
}

func (m *module) fault(format string, arguments ...any) {
	fmt.Printf("%s: %s\n", m.name, fmt.Sprintf(format, arguments...))
	m.faults++
}

func read(folder string) *module {
	m := &module{name: filepath.Base(folder), variables: map[string]*variable{}, locals: map[string]bool{},
		resources: map[string]bool{}}
	paths, _ := filepath.Glob(filepath.Join(folder, "*.tf"))
	if len(paths) == 0 {
		m.fault("no .tf file in %s", folder)
	}
	parser := hclparse.NewParser()
	for _, path := range paths {
		file, diagnostics := parser.ParseHCLFile(path)
		for _, diagnostic := range diagnostics {
			m.fault("%s", diagnostic.Error())
		}
		if file != nil && !diagnostics.HasErrors() {
			m.files = append(m.files, file.Body.(*hclsyntax.Body))
		}
	}
	for _, body := range m.files {
		for _, block := range body.Blocks {
			m.declare(block)
		}
	}
	return m
}

func (m *module) declare(block *hclsyntax.Block) {
	switch block.Type {
	case "variable":
		declared := &variable{body: block.Body}
		for _, inner := range block.Body.Blocks {
			if inner.Type == "validation" && inner.Body.Attributes["condition"] != nil {
				declared.validations = append(declared.validations, inner.Body.Attributes["condition"].Expr)
				if inner.Body.Attributes["error_message"] == nil {
					m.fault("a validation of %s says nothing", block.Labels[0])
				}
			}
		}
		m.variables[block.Labels[0]] = declared
		m.wants(block, "description", "type")
	case "output":
		m.wants(block, "description", "value")
	case "locals":
		for name := range block.Body.Attributes {
			m.locals[name] = false
		}
	case "resource":
		m.resources[block.Labels[0]+"."+block.Labels[1]] = true
	case "terraform":
	default:
		m.fault("a block %s", block.Type)
	}
}

func (m *module) wants(block *hclsyntax.Block, names ...string) {
	for _, name := range names {
		if block.Body.Attributes[name] == nil {
			m.fault("%s %s has no %s", block.Type, block.Labels[0], name)
		}
	}
}

// Every reference leads somewhere.
func (m *module) checkReferences() {
	for _, body := range m.files {
		hclsyntax.VisitAll(body, func(node hclsyntax.Node) hcl.Diagnostics {
			if block, is := node.(*hclsyntax.Block); is && block.Type == "variable" {
				return nil
			}
			if attribute, is := node.(*hclsyntax.Attribute); is && attribute.Name != "type" {
				for _, traversal := range attribute.Expr.Variables() {
					m.follow(traversal)
				}
			}
			return nil
		})
	}
	for name, declared := range m.variables {
		if !declared.used {
			m.fault("variable %s is used by nothing", name)
		}
	}
	for name, used := range m.locals {
		if !used {
			m.fault("local %s is used by nothing", name)
		}
	}
}

func (m *module) follow(traversal hcl.Traversal) {
	root := traversal.RootName()
	if len(traversal) < 2 {
		m.fault("%s: what is %s?", traversal.SourceRange(), root)
		return
	}
	step, is := traversal[1].(hcl.TraverseAttr)
	if !is {
		m.fault("%s: %s cannot be indexed", traversal.SourceRange(), root)
		return
	}
	switch root {
	case "var":
		if declared := m.variables[step.Name]; declared != nil {
			// A variable that only its own validation names is not used by anything.
			declared.used = declared.used || !within(traversal.SourceRange(), declared.body.SrcRange)
			return
		}
	case "local":
		if _, declared := m.locals[step.Name]; declared {
			m.locals[step.Name] = true
			return
		}
	case "each":
		if step.Name == "key" || step.Name == "value" {
			return
		}
	default:
		if m.resources[root+"."+step.Name] {
			return
		}
	}
	m.fault("%s: %s.%s is not declared", traversal.SourceRange(), root, step.Name)
}

func within(inner, outer hcl.Range) bool {
	return inner.Filename == outer.Filename && inner.Start.Byte >= outer.Start.Byte && inner.End.Byte <= outer.End.Byte
}

// Terraform's functions that validations use.
func functions() map[string]function.Function {
	allTrue := function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(arguments []cty.Value, _ cty.Type) (cty.Value, error) {
			for it := arguments[0].ElementIterator(); it.Next(); {
				if _, value := it.Element(); value.False() {
					return cty.False, nil
				}
			}
			return cty.True, nil
		}})
	cidrHost := function.New(&function.Spec{
		Params: []function.Parameter{{Name: "prefix", Type: cty.String}, {Name: "number", Type: cty.Number}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(arguments []cty.Value, _ cty.Type) (cty.Value, error) {
			_, network, err := net.ParseCIDR(arguments[0].AsString())
			if err != nil {
				return cty.UnknownVal(cty.String), err
			}
			return cty.StringVal(network.IP.String()), nil
		}})
	return map[string]function.Function{
		"alltrue": allTrue, "can": tryfunc.CanFunc, "cidrhost": cidrHost, "flatten": stdlib.FlattenFunc,
		"floor": stdlib.FloorFunc, "length": stdlib.LengthFunc, "regex": stdlib.RegexFunc, "values": stdlib.ValuesFunc,
	}
}

func (m *module) accepts(name string, value cty.Value) bool {
	context := &hcl.EvalContext{Functions: functions(),
		Variables: map[string]cty.Value{"var": cty.ObjectVal(map[string]cty.Value{name: value})}}
	for _, condition := range m.variables[name].validations {
		result, diagnostics := condition.Value(context)
		if diagnostics.HasErrors() {
			m.fault("%s: %s", name, diagnostics.Error())
			return false
		}
		if result.False() {
			return false
		}
	}
	return true
}

type testCase struct {
	Module   string          `json:"module"`
	Variable string          `json:"variable"`
	Value    json.RawMessage `json:"value"`
	Valid    bool            `json:"valid"`
}

func (m *module) try(each testCase) {
	if m.variables[each.Variable] == nil || m.variables[each.Variable].body.Attributes["type"] == nil {
		m.fault("there is no variable %s", each.Variable)
		return
	}
	kind, diagnostics := typeexpr.TypeConstraint(m.variables[each.Variable].body.Attributes["type"].Expr)
	if diagnostics.HasErrors() {
		m.fault("%s: %s", each.Variable, diagnostics.Error())
		return
	}
	value, err := ctyjson.Unmarshal(each.Value, kind)
	if err != nil {
		m.fault("%s: %s", each.Value, err)
	} else if m.accepts(each.Variable, value) != each.Valid {
		m.fault("%s = %s: expected valid to be %v", each.Variable, each.Value, each.Valid)
	}
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	var cases []testCase
	if err == nil {
		err = json.Unmarshal(text, &cases)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	faults := 0
	for _, folder := range os.Args[2:] {
		m := read(folder)
		m.checkReferences()
		for _, each := range cases {
			if each.Module == m.name || each.Module == "" {
				m.try(each)
			}
		}
		faults += m.faults
	}
	if faults > 0 {
		os.Exit(1)
	}
}
