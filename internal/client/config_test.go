package client

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestParseConfig(t *testing.T) {
	shop := wranglerConfig{
		Name: "shop", AccountID: "0123456789abcdef0123456789abcdef",
		Environments: map[string]string{"staging": "", "prod": "shop-live"},
	}
	for _, tc := range []struct {
		file string
		want wranglerConfig
	}{
		{"shop/wrangler.toml", shop},
		{"shop/wrangler.json", shop},
		{"shop/wrangler.jsonc", shop},
		{"pages/wrangler.toml", wranglerConfig{Name: "kittens", Pages: true, Environments: map[string]string{"preview": ""}}},
		{"pages/wrangler.jsonc", wranglerConfig{Name: "kittens", Pages: true, Environments: map[string]string{"preview": ""}}},
		{"odd/wrangler.toml", wranglerConfig{Environments: map[string]string{"good": "fine"}}},
		{"odd/wrangler.json", wranglerConfig{Environments: map[string]string{"good": "fine"}}},
	} {
		t.Run(tc.file, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("testdata", "wrangler", filepath.FromSlash(tc.file)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := parseConfig(filepath.Base(tc.file), data)
			if err != nil || !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %+v, %v, want %+v", got, err, tc.want)
			}
			got, err = parseConfig(filepath.Base(tc.file), append([]byte("\ufeff"), data...))
			if err != nil || !reflect.DeepEqual(got, tc.want) {
				t.Errorf("with a byte order mark: got %+v, %v", got, err)
			}
		})
	}
}

func TestParseConfigErrors(t *testing.T) {
	for name, content := range map[string]string{
		"wrangler.toml":   "name = \"x\nsecret",
		"wrangler.json":   `{"name": }`,
		"wrangler.jsonc":  `["name"]`,
		"wrangler.ts":     `export default {}`,
		"empty.json":      ``,
		"deep.json":       strings.Repeat("[", MaxFileSize),
		"deep-mixed.json": strings.Repeat(`["]",`, MaxFileSize/5),
		"deep.toml":       "a = " + strings.Repeat("[", MaxFileSize-4),
	} {
		if c, err := parseConfig(name, []byte(content)); err == nil {
			t.Errorf("%s: got %+v, want an error", name, c)
		}
	}
}

func TestWorkerName(t *testing.T) {
	c := wranglerConfig{Name: "demo", Environments: map[string]string{"staging": "", "prod": "demo-live"}}
	generated := c
	generated.Generated = true
	nameless := wranglerConfig{Environments: map[string]string{"prod": "live"}}
	for _, tc := range []struct {
		config wranglerConfig
		env    string
		want   string
	}{
		{c, "", "demo"},
		{c, "staging", "demo-staging"},
		{c, "prod", "demo-live"},
		{c, "unknown", "demo-unknown"},
		{generated, "staging", "demo"},
		{nameless, "", ""},
		{nameless, "prod", "live"},
		{nameless, "staging", ""},
	} {
		if got := tc.config.workerName(tc.env); got != tc.want {
			t.Errorf("%+v in %q is %q, want %q", tc.config, tc.env, got, tc.want)
		}
	}
}

func TestReadConfig(t *testing.T) {
	for _, tc := range []struct {
		name    string
		files   map[string]string
		dir     string
		given   string
		want    wranglerConfig // without Environments
		warning string
	}{
		{name: "none"},
		{name: "beside", files: map[string]string{"wrangler.toml": `name = "a"`}, want: wranglerConfig{Name: "a"}},
		{name: "above", files: map[string]string{"wrangler.toml": `name = "a"`}, dir: "src/deep", want: wranglerConfig{Name: "a"}},
		{
			name:  "json first",
			files: map[string]string{"wrangler.toml": `name = "t"`, "wrangler.jsonc": `{"name": "c"}`, "wrangler.json": `{"name": "j"}`},
			want:  wranglerConfig{Name: "j"},
		},
		{
			name:  "a far json goes before a near toml",
			files: map[string]string{"wrangler.json": `{"name": "j"}`, "app/wrangler.toml": `name = "t"`},
			dir:   "app", want: wranglerConfig{Name: "j"},
		},
		{
			name:  "a directory of that name",
			files: map[string]string{"wrangler.json/x": "", "wrangler.toml": `name = "t"`},
			want:  wranglerConfig{Name: "t"},
		},
		{
			name:  "given",
			files: map[string]string{"wrangler.json": `{"name": "j"}`, "conf/other.toml": `name = "t"`},
			given: "conf/other.toml", want: wranglerConfig{Name: "t"},
		},
		{name: "given, not there", given: "none.toml", warning: "none.toml cannot be read"},
		{name: "given, TypeScript", files: map[string]string{"w.ts": "x"}, given: "w.ts", warning: "w.ts is not valid, so its name for the project is not known"},
		{
			name:    "broken",
			files:   map[string]string{"wrangler.toml": "name = \"a\"\nkey = sk_live_secret\n"},
			warning: "wrangler.toml is not valid, so its name for the project is not known",
		},
		{
			name:    "large",
			files:   map[string]string{"wrangler.toml": "name = \"a\"\n" + strings.Repeat("#", MaxFileSize)},
			warning: "wrangler.toml is larger than 1 MiB and was not read",
		},
		{
			name: "redirect",
			files: map[string]string{
				"wrangler.jsonc":               `{"name": "user", "env": {"staging": {}}}`,
				".wrangler/deploy/config.json": `{"configPath": "../../dist/wrangler.json", /* generated */}`,
				"dist/wrangler.json":           `{"name": "user-staging", "topLevelName": "user", "targetEnvironment": "staging"}`,
			},
			dir: "src", want: wranglerConfig{Name: "user-staging", Generated: true, Target: "staging"},
		},
		{
			name: "redirect without a user's configuration",
			files: map[string]string{
				".wrangler/deploy/config.json": `{"configPath": "../../dist/wrangler.json"}`,
				"dist/wrangler.json":           `{"name": "made"}`,
			},
			want: wranglerConfig{Name: "made", Generated: true},
		},
		{
			name: "redirect elsewhere",
			files: map[string]string{
				"app/wrangler.toml":            `name = "user"`,
				".wrangler/deploy/config.json": `{"configPath": "../../dist/wrangler.json"}`,
				"dist/wrangler.json":           `{"name": "made"}`,
			},
			dir: "app", want: wranglerConfig{Name: "user"},
		},
		{
			name: "redirect is overruled by a given file",
			files: map[string]string{
				"wrangler.toml":                `name = "user"`,
				".wrangler/deploy/config.json": `{"configPath": "../../dist/wrangler.json"}`,
				"dist/wrangler.json":           `{"name": "made"}`,
			},
			given: "wrangler.toml", want: wranglerConfig{Name: "user"},
		},
		{
			name: "redirect to nothing",
			files: map[string]string{
				"wrangler.toml":                `name = "user"`,
				".wrangler/deploy/config.json": `{"configPath": "../../dist/wrangler.json"}`,
			},
			warning: "wrangler.json cannot be read",
		},
		{
			name: "broken redirect",
			files: map[string]string{
				"wrangler.toml":                `name = "user"`,
				".wrangler/deploy/config.json": `{"configPath": `,
			},
			want: wranglerConfig{Name: "user"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPlace(t, nil)
			for name, content := range tc.files {
				p.write(t, name, content)
			}
			got, warning := p.surroundings().readConfig(filepath.Join(p.dir, filepath.FromSlash(tc.dir)), tc.given)
			got.Environments = nil
			if !reflect.DeepEqual(got, tc.want) || warning != tc.warning {
				t.Errorf("got %+v, %q\nwant %+v, %q", got, warning, tc.want, tc.warning)
			}
		})
	}
}

func TestUnreadableConfig(t *testing.T) {
	s := newPlace(t, nil).surroundings()
	s.ReadFile = func(string) ([]byte, error) { return nil, fs.ErrPermission }
	if _, warning := s.readConfig(s.Dir, ""); warning != "wrangler.json cannot be read" {
		t.Errorf("warning %q", warning)
	}
}

func TestPackageName(t *testing.T) {
	p := newPlace(t, nil)
	p.write(t, "package.json", `{"name": "outside"}`)
	p.write(t, "repo/package.json", `{"name": "@acme/mono", "version": "1.0.0"}`)
	p.write(t, "repo/packages/api/package.json", `{"name": "api"}`)
	p.write(t, "repo/packages/private/package.json", `{"private": true}`)
	p.write(t, "repo/packages/broken/package.json", `{"name": "x`)
	p.write(t, "repo/packages/odd/package.json", `{"name": 7}`)
	top := filepath.Join(p.dir, "repo")
	for dir, want := range map[string]string{
		"repo":                  "mono",
		"repo/packages/api":     "api",
		"repo/packages/api/src": "api",
		"repo/packages/private": "mono",
		"repo/packages/broken":  "mono",
		"repo/packages/odd":     "mono",
	} {
		if got := p.surroundings().packageName(filepath.Join(p.dir, filepath.FromSlash(dir)), top); got != want {
			t.Errorf("in %s: %q, want %q", dir, got, want)
		}
	}
	if err := os.Remove(filepath.Join(top, "package.json")); err != nil {
		t.Fatal(err)
	}
	if got := p.surroundings().packageName(top, top); got != "" {
		t.Errorf("above the repository: %q", got)
	}
}

func FuzzParseConfig(f *testing.F) {
	files, err := filepath.Glob("testdata/wrangler/*/*")
	if err != nil || len(files) == 0 {
		f.Fatalf("no fixtures: %v", err)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(filepath.Ext(path), data)
	}
	f.Fuzz(func(t *testing.T, ext string, data []byte) {
		if len(data) > 64<<10 {
			return
		}
		for _, ext := range []string{ext, ".toml", ".jsonc"} {
			c, err := parseConfig("wrangler"+ext, data)
			if err != nil {
				continue
			}
			for env := range c.Environments {
				c.workerName(env)
			}
		}
	})
}
