package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/tailscale/hujson"
)

// wranglerConfig is the part of a wrangler configuration that names what is
// deployed.
type wranglerConfig struct {
	Name      string
	AccountID string
	// Pages: the configuration is that of a Pages project.
	Pages bool
	// Environments holds the sections [env.X] with the name each gives, or empty.
	Environments map[string]string
	// Generated: a build tool wrote it for one environment, which is applied
	// already, name included.
	Generated bool
	// Target is the environment a generated configuration was built for.
	Target string
}

// workerName names the Worker that wrangler deploys to env; an empty env is the
// top level.
func (c wranglerConfig) workerName(env string) string {
	switch {
	case env == "" || c.Generated:
		return c.Name
	case c.Environments[env] != "":
		return c.Environments[env]
	case c.Name == "":
		return ""
	}
	return c.Name + "-" + env
}

// Wrangler's file names in its order: any wrangler.json upwards goes before any
// wrangler.jsonc, however near that is. See findWranglerConfig in
// https://github.com/cloudflare/workers-sdk/blob/main/packages/workers-utils/src/config/config-helpers.ts
var configNames = []string{"wrangler.json", "wrangler.jsonc", "wrangler.toml"}

// redirectName is where a build tool says which configuration it generated.
var redirectName = filepath.Join(".wrangler", "deploy", "config.json")

// readConfig finds and reads the wrangler configuration for a wrangler that
// runs in dir. given is the path from --config; it is relative to dir, and
// nothing is searched for. A configuration that cannot be read is empty and
// gives a warning.
func (s Surroundings) readConfig(dir, given string) (wranglerConfig, string) {
	if given != "" {
		if !filepath.IsAbs(given) {
			given = filepath.Join(dir, given)
		}
		data, err := s.ReadFile(given)
		return loadConfig(given, data, err, false)
	}
	var path string
	var data []byte
	var err error
	for _, name := range configNames {
		if path, data, err = s.findUp(dir, name); path != "" {
			break
		}
	}
	if generated, ok := s.findRedirect(dir, path); ok {
		data, err := s.ReadFile(generated)
		return loadConfig(generated, data, err, true)
	}
	if path == "" {
		return wranglerConfig{}, ""
	}
	return loadConfig(path, data, err, false)
}

// findRedirect returns the generated configuration that stands in for the one
// at user. Wrangler refuses a redirect that does not lie beside the user's
// configuration; here it is left out.
func (s Surroundings) findRedirect(dir, user string) (string, bool) {
	path, data, err := s.findUp(dir, redirectName)
	if path == "" || err != nil {
		return "", false
	}
	if user != "" && filepath.Join(filepath.Dir(user), redirectName) != path {
		return "", false
	}
	fields, err := parseJSONC(data)
	if err != nil {
		return "", false
	}
	target := text(fields, "configPath")
	if target == "" {
		return "", false
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(path), filepath.FromSlash(target))
	}
	return target, true
}

// loadConfig turns a file into a configuration or a warning. The warning says
// nothing of the content, which may hold secrets; wrangler itself names the
// place of a syntax error.
func loadConfig(path string, data []byte, err error, generated bool) (wranglerConfig, string) {
	name := filepath.Base(path)
	switch {
	case errors.Is(err, errTooLarge):
		return wranglerConfig{}, fmt.Sprintf("%s is larger than 1 MiB and was not read", name)
	case err != nil:
		return wranglerConfig{}, fmt.Sprintf("%s cannot be read", name)
	}
	c, err := parseConfig(name, data)
	if err != nil {
		return wranglerConfig{}, fmt.Sprintf("%s is not valid, so its name for the project is not known", name)
	}
	c.Generated = generated
	if !generated {
		c.Target = ""
	}
	return c, ""
}

// parseConfig reads a configuration in the format that its file name promises.
// Fields of another type than expected count as missing.
func parseConfig(name string, data []byte) (wranglerConfig, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	var fields map[string]any
	var err error
	switch strings.ToLower(filepath.Ext(name)) {
	case ".toml":
		err = toml.Unmarshal(data, &fields)
	case ".json", ".jsonc":
		fields, err = parseJSONC(data)
	default:
		err = errors.New("neither TOML nor JSON")
	}
	if err != nil {
		return wranglerConfig{}, err
	}
	c := wranglerConfig{
		Name:         text(fields, "name"),
		AccountID:    text(fields, "account_id"),
		Pages:        text(fields, "pages_build_output_dir") != "",
		Target:       text(fields, "targetEnvironment"),
		Environments: make(map[string]string),
	}
	if sections, ok := fields["env"].(map[string]any); ok {
		for env, section := range sections {
			if section, ok := section.(map[string]any); ok {
				c.Environments[env] = text(section, "name")
			}
		}
	}
	return c, nil
}

// maxBrackets bounds the objects and arrays in a file. The JSON parser recurses
// without a bound of its own, and a stack that overflows cannot be recovered
// from; this many levels fit on it.
const maxBrackets = 100_000

// parseJSONC reads a JSON object with comments and trailing commas.
func parseJSONC(data []byte) (map[string]any, error) {
	if bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) > maxBrackets {
		return nil, errors.New("too many objects and arrays")
	}
	plain, err := hujson.Standardize(data)
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	if err := json.Unmarshal(plain, &fields); err != nil {
		return nil, err
	}
	return fields, nil
}

func text(fields map[string]any, key string) string {
	s, _ := fields[key].(string)
	return s
}

// packageName returns the name in the nearest package.json that has one,
// without its scope. The search ends at top, the root of the repository: what
// lies above is another project's.
func (s Surroundings) packageName(dir, top string) string {
	for d := range upwards(dir) {
		if data, err := s.ReadFile(filepath.Join(d, "package.json")); err == nil {
			var manifest struct {
				Name any `json:"name"`
			}
			if json.Unmarshal(data, &manifest) == nil {
				if name, _ := manifest.Name.(string); name != "" {
					return name[strings.LastIndexByte(name, '/')+1:]
				}
			}
		}
		if d == top {
			break
		}
	}
	return ""
}
