package shipbell_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/shipbell/shipbell/internal/channel/channeltest"
	"github.com/shipbell/shipbell/internal/config"
)

// configuration is the reference page without its table.
const configuration = `# Configuration

<!-- Generated from the table in internal/config by SHIPBELL_UPDATE=1 go test . -->

The settings of ` + "`shipbell serve`" + `. None is needed: without any it runs, makes a token and prints messages.

A flag goes before the environment, which goes before a ` + "`.env`" + ` file in the working directory, which goes before the
default. A secret has no flag; it can be in a file instead, which the setting with ` + "`_FILE`" + ` at its end names. An empty
variable leaves the default, and hides one in ` + "`.env`" + `. All problems are reported at once, and a name one or two
letters from a setting is one of them.

| Setting | Flag | Default | Accepted | |
|---|---|---|---|---|
%s
The commands ` + "`shipbell state`" + ` and ` + "`shipbell lanes`" + ` use the same ` + "`SHIPBELL_DATA`" + `. What ` + "`shipbell notify`" + ` reads is in
[push.md](push.md#shipbell-notify).
`

// TestConfigurationPage: docs/configuration.md is what the options say.
func TestConfigurationPage(t *testing.T) {
	code := func(text string) string {
		if text == "" {
			return ""
		}
		return "`" + strings.ReplaceAll(text, "|", `\|`) + "`"
	}
	var rows strings.Builder
	for _, o := range config.Options() {
		names, flag := code(o.Setting), ""
		if o.Secret {
			names += "<br>or " + code(o.Setting+"_FILE")
		}
		if o.Flag != "" {
			flag = "--" + o.Flag
		}
		fmt.Fprintf(&rows, "| %s | %s | %s | %s | %s |\n", names, code(flag), code(o.Fallback),
			strings.ReplaceAll(o.Accepts, "|", `\|`), strings.ReplaceAll(o.Help, "|", `\|`))
	}
	channeltest.Golden(t, "../docs/configuration.md", fmt.Sprintf(configuration, rows.String()))
}

// settingName matches what looks like the name of one of our variables.
var settingName = regexp.MustCompile(`\b(?:(?:SHIPBELL|TELEGRAM|DEPLOY_NOTIFY|GITHUB_OIDC|CLOUDFLARE_ACCESS)_[A-Z0-9_]+|[A-Z]+_PROJECTS)\b`)

// otherNames are names that documents may say beside those of the settings.
var otherNames = []string{
	"DEPLOY_NOTIFY_URL",      // the client's
	"DEPLOY_NOTIFY_AUDIENCE", // the same
	"SHIPBELL_URL",           // that of commands which ask a server
	"SHIPBELL_TOKEN",         // that of commands which ask a server
	"SHIPBELL_TOKEN_FILE",    // that of commands which ask a server
	"SHIPBELL_UPDATE",        // the tests'
	"SHIPBELL_SEED",          // the simulation's
	"SHIPBELL_SEEDS",         // the same
	"SHIPBELL_PORT_8787_TCP", // an example of what container platforms set
}

// TestNoOtherSettings: no document speaks of a setting that does not exist.
func TestNoOtherSettings(t *testing.T) {
	known := slices.Clone(otherNames)
	for _, o := range config.Options() {
		known = append(known, o.Setting)
		if o.Secret {
			known = append(known, o.Setting+"_FILE")
		}
	}
	for name, text := range documents(t) {
		for _, word := range settingName.FindAllString(text, -1) {
			if !slices.Contains(known, word) {
				t.Errorf("%s: there is no setting %s", name, word)
			}
		}
	}
}

// TestPushPage: docs/push.md has every error code and every field.
func TestPushPage(t *testing.T) {
	page := read(t, "docs/push.md")
	codes := errorCodes(t)
	if len(codes) < 10 {
		t.Errorf("found only %d error codes in the source: %q", len(codes), codes)
	}
	for _, code := range codes {
		if !strings.Contains(page, "| `"+code+"` |") {
			t.Errorf("the error code %s is missing", code)
		}
	}
	fields := pushFields(t)
	if len(fields) < 17 {
		t.Errorf("found only %d fields in the source: %q", len(fields), fields)
	}
	for _, field := range fields {
		if !strings.Contains(page, "| `"+field+"` |") {
			t.Errorf("the field %s is missing", field)
		}
	}
	documented := regexp.MustCompile("(?m)^\\| [0-9]{3} \\| `([a-z_]+)` \\|").FindAllStringSubmatch(page, -1)
	for _, m := range documented {
		if !slices.Contains(codes, m[1]) {
			t.Errorf("the error code %s does not exist", m[1])
		}
	}
}

// errorCodes are the strings of type Code in the push source, and those given
// as Code of a problem in the web side.
func errorCodes(t *testing.T) []string {
	var codes []string
	for _, f := range parse(t, "internal/source/push") {
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if name, ok := spec.Type.(*ast.Ident); ok && name.Name == "Code" {
				for _, v := range spec.Values {
					codes = append(codes, literal(v)...)
				}
			}
			return true
		})
	}
	for _, f := range parse(t, "internal/web") {
		ast.Inspect(f, func(n ast.Node) bool {
			pair, ok := n.(*ast.KeyValueExpr)
			if !ok {
				return true
			}
			if key, ok := pair.Key.(*ast.Ident); ok && key.Name == "Code" {
				codes = append(codes, literal(pair.Value)...)
			}
			return true
		})
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// pushFields are the JSON names of the wire format's deployment.
func pushFields(t *testing.T) []string {
	var fields []string
	for _, f := range parse(t, "internal/source/push") {
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || spec.Name.Name != "deployment" {
				return true
			}
			for _, field := range spec.Type.(*ast.StructType).Fields.List {
				tag, err := strconv.Unquote(field.Tag.Value)
				if err != nil {
					t.Fatal(err)
				}
				fields = append(fields, reflect.StructTag(tag).Get("json"))
			}
			return false
		})
	}
	return fields
}

// TestAPIPage: docs/api.md has every code and every path of the API, and no others.
func TestAPIPage(t *testing.T) {
	page := read(t, "docs/api.md")
	codes := wireCodes(t)
	if len(codes) < 15 {
		t.Errorf("found only %d codes in the source: %q", len(codes), codes)
	}
	for _, code := range codes {
		if !strings.Contains(page, "| `"+code+"` |") {
			t.Errorf("the code %s is missing", code)
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| [0-9]{3} \\| `([a-z_]+)` \\|").FindAllStringSubmatch(page, -1) {
		if !slices.Contains(codes, m[1]) {
			t.Errorf("the code %s does not exist", m[1])
		}
	}
	var described struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal([]byte(read(t, "internal/api/openapi.json")), &described); err != nil {
		t.Fatal(err)
	}
	n := 0
	for path, methods := range described.Paths {
		for method := range methods {
			n++
			if row := "| `" + strings.ToUpper(method) + " " + path + "` |"; !strings.Contains(page, row) {
				t.Errorf("the path %s is missing", row)
			}
		}
	}
	if rows := strings.Count(page, "| `GET /") + strings.Count(page, "| `POST /"); rows != n {
		t.Errorf("%d paths, and the server has %d", rows, n)
	}
}

// wireCodes are the strings of type Code in the shapes of the API.
func wireCodes(t *testing.T) []string {
	var codes []string
	for _, f := range parse(t, "internal/wire") {
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if name, ok := spec.Type.(*ast.Ident); ok && name.Name == "Code" {
				for _, v := range spec.Values {
					codes = append(codes, literal(v)...)
				}
			}
			return true
		})
	}
	return codes
}

// TestOperationsPage: docs/operations.md explains every line of the log.
func TestOperationsPage(t *testing.T) {
	page := read(t, "docs/operations.md")
	n := 0
	for _, dir := range []string{"internal/app", "internal/api", "internal/dispatch", "internal/ledger", "internal/web", "internal/access", "internal/board", "internal/dashboard", "internal/feed", "internal/lease", "internal/store/sqlite", "internal/store/postgres"} {
		for _, f := range parse(t, dir) {
			ast.Inspect(f, func(node ast.Node) bool {
				call, ok := node.(*ast.CallExpr)
				if !ok {
					return true
				}
				// Of Log(ctx, level, msg), the third.
				position := map[string]int{"Debug": 0, "Info": 0, "Warn": 0, "Error": 0, "Log": 2}
				method, ok := call.Fun.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				i, logs := position[method.Sel.Name]
				if !logs || len(call.Args) <= i {
					return true
				}
				for _, line := range literal(call.Args[i]) {
					n++
					if !strings.Contains(page, "`"+line+"`") {
						t.Errorf("%s: the log line %q is missing", dir, line)
					}
				}
				return true
			})
		}
	}
	if n < 15 {
		t.Errorf("found only %d log lines in the source", n)
	}
}

// TestArchitecturePage: docs/architecture.md has a place for every package.
func TestArchitecturePage(t *testing.T) {
	page := read(t, "docs/architecture.md")
	for name := range layers {
		if !strings.Contains(page, "`"+strings.TrimSuffix(name, "/")) {
			t.Errorf("the layer %s is missing", name)
		}
	}
}

// parse reads the files of a package without its tests.
func parse(t *testing.T, dir string) []*ast.File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files in %s: %v", dir, err)
	}
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// literal returns the value of a string literal, or nothing.
func literal(e ast.Expr) []string {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return nil
	}
	value, err := strconv.Unquote(lit.Value)
	if err != nil {
		return nil
	}
	return []string{value}
}

// documents returns every Markdown file of the repository by its path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	found := make(map[string]string)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "bin" || d.Name() == "dist"):
			return filepath.SkipDir
		case filepath.Ext(path) == ".md":
			found[filepath.ToSlash(path)] = read(t, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
