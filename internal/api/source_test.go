package api_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// source is what is read off the code of packages.
type source struct {
	// words are the comments of types, and of fields by Type.Field.
	words map[string]string
	// values are the constants of each type, in order.
	values map[string][]string
}

func readSource(t *testing.T, dirs ...string) source {
	t.Helper()
	s := source{make(map[string]string), make(map[string][]string)}
	for _, dir := range dirs {
		paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no code in %s: %v", dir, err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, s.visit)
		}
	}
	return s
}

func (s source) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GenDecl:
		for _, spec := range n.Specs {
			if spec, ok := spec.(*ast.TypeSpec); ok {
				s.words[spec.Name.Name] = say(n.Doc)
				s.fields(spec)
			}
		}
	case *ast.ValueSpec:
		kind, ok := n.Type.(*ast.Ident)
		for _, v := range n.Values {
			if lit, is := v.(*ast.BasicLit); ok && is && lit.Kind == token.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil && text != "" && !slices.Contains(s.values[kind.Name], text) {
					s.values[kind.Name] = append(s.values[kind.Name], text)
				}
			}
		}
	}
	return true
}

func (s source) fields(spec *ast.TypeSpec) {
	fields, ok := spec.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range fields.Fields.List {
		for _, name := range f.Names {
			text := say(f.Doc)
			if text == "" {
				text = say(f.Comment)
			}
			s.words[spec.Name.Name+"."+name.Name] = text
		}
	}
}

// say is a comment as the document has it: without links, on one line.
func say(c *ast.CommentGroup) string {
	text := strings.Join(strings.Fields(strings.NewReplacer("[", "", "]", "").Replace(c.Text())), " ")
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
