package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/shipbell/shipbell"
)

// The variables that name where wrangler writes what it did, a JSON object a
// line. The path goes before the directory. See output.ts in
// https://github.com/cloudflare/workers-sdk/tree/main/packages/workers-utils/src
const (
	envOutputPath      = "WRANGLER_OUTPUT_FILE_PATH"
	envOutputDirectory = "WRANGLER_OUTPUT_FILE_DIRECTORY"
)

const (
	// maxOutputFile is how much of an output file is read, in bytes. An entry has a
	// few hundred.
	maxOutputFile = 4 << 20
	// maxOutputFiles bounds the files of a directory.
	maxOutputFiles = 100
	// maxUnits bounds what one run is said to have deployed.
	maxUnits = 50
)

// outputPlace is where wrangler writes, and what was there before: files are
// appended to, and what stands in them already is another run's.
type outputPlace struct {
	path      string
	directory string
	before    map[string]int64 // sizes
}

// newOutputPlace looks at the place before the command starts. Given are the
// values of the two variables; one of them is not empty.
func newOutputPlace(path, directory, dir string) outputPlace {
	o := outputPlace{before: map[string]int64{}}
	if path != "" {
		o.path = resolve(dir, path)
	} else {
		o.directory = resolve(dir, directory)
	}
	for _, file := range o.files() {
		if info, err := os.Stat(file); err == nil {
			o.before[file] = info.Size()
		}
	}
	return o
}

func (o outputPlace) files() []string {
	if o.path != "" {
		return []string{o.path}
	}
	files, _ := filepath.Glob(filepath.Join(escapeGlob(o.directory), "wrangler-output-*")) // only a bad pattern is an error
	slices.Sort(files)                                                                     // the names begin with the time
	return files
}

var globSigns = regexp.MustCompile(`[\\*?[]`)

// escapeGlob makes a pattern that matches the path alone. On Windows there is no
// escaping, and none of the signs is allowed in a name.
func escapeGlob(path string) string {
	if filepath.Separator == '\\' {
		return path
	}
	return globSigns.ReplaceAllString(path, `\$0`)
}

// read returns what was written since. What cannot be read was not written.
func (o outputPlace) read() []byte {
	var all bytes.Buffer
	n := 0
	for _, file := range o.files() {
		from := o.before[file]
		info, err := os.Stat(file)
		switch {
		case err != nil || !info.Mode().IsRegular() || info.Size() == from:
			continue
		case info.Size() < from:
			from = 0 // it was replaced
		}
		if n++; n > maxOutputFiles {
			break
		}
		f, err := os.Open(file)
		if err != nil {
			continue
		}
		if _, err := f.Seek(from, io.SeekStart); err == nil {
			_, _ = io.Copy(&all, io.LimitReader(f, maxOutputFile-int64(all.Len())))
		}
		f.Close()
		all.WriteByte('\n')
	}
	return all.Bytes()
}

// unit is one thing that was deployed: a Worker, or a Pages project.
type unit struct {
	typ          shipbell.ProjectType
	name         string
	environment  string
	versionID    string
	deploymentID string
	url          string
	commit       string
}

// session is one run of wrangler as it tells of itself.
type session struct {
	args     []string
	units    []unit
	nothing  bool     // it ended well and deployed nothing
	failures []string // what went wrong, in wrangler's words
}

// call returns how wrangler was called.
func (s session) call() invocation { return parseInvocation(s.args) }

// outputEntry are the fields of all entries that count here. Those of another
// type than expected count as missing.
type outputEntry struct {
	Type          string `json:"type"`
	Args          any    `json:"command_line_args"`
	WorkerName    any    `json:"worker_name"`
	VersionID     any    `json:"version_id"`
	DeploymentID  any    `json:"deployment_id"`
	Targets       any    `json:"targets"`
	Environment   any    `json:"wrangler_environment"`
	PreviewURL    any    `json:"preview_url"`
	AliasURL      any    `json:"preview_alias_url"`
	PagesProject  any    `json:"pages_project"`
	URL           any    `json:"url"`
	PagesTarget   any    `json:"environment"`
	PreviewURLs   any    `json:"preview_urls"`
	Code          any    `json:"code"`
	Message       any    `json:"message"`
	PagesMetadata struct {
		Metadata struct {
			Commit string `json:"commit_hash"`
		} `json:"metadata"`
	} `json:"deployment_trigger"`
}

// readOutput reads entries. Lines that cannot be read and entries that are not
// known are left out: wrangler adds new ones in every few versions.
func readOutput(data []byte) []session {
	var sessions []session
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] != '{' {
			continue
		}
		var e outputEntry
		var wrong *json.UnmarshalTypeError // the other fields were read
		if err := json.Unmarshal(line, &e); err != nil && !errors.As(err, &wrong) {
			continue
		}
		if e.Type == "wrangler-session" {
			sessions = append(sessions, session{args: stringsOf(e.Args)})
			continue
		}
		if len(sessions) == 0 {
			sessions = append(sessions, session{}) // the beginning is lost
		}
		sessions[len(sessions)-1].add(e)
	}
	return sessions
}

func (s *session) add(e outputEntry) {
	u := unit{typ: shipbell.Worker, name: stringOf(e.WorkerName), versionID: stringOf(e.VersionID), deploymentID: stringOf(e.DeploymentID), environment: stringOf(e.Environment)}
	switch e.Type {
	case "deploy":
		// A dry run has no version, and neither has a deployment that the person at
		// the terminal stopped. A Worker for a dispatch namespace may have none
		// either, but says where it went.
		if targets := stringsOf(e.Targets); u.versionID != "" || len(targets) > 0 {
			u.url = targetURL(targets)
			s.units = append(s.units, u)
			return
		}
		s.nothing = true
	case "version-upload":
		if u.versionID == "" {
			s.nothing = true
			return
		}
		u.environment = environmentPreview
		u.url = webAddress(first(stringOf(e.PreviewURL), stringOf(e.AliasURL)))
		s.units = append(s.units, u)
	case "version-deploy":
		if u.deploymentID == "" {
			s.nothing = true
			return
		}
		s.units = append(s.units, u)
	case "preview":
		u.environment = environmentPreview
		if urls := stringsOf(e.PreviewURLs); len(urls) > 0 {
			u.url = webAddress(urls[0])
		}
		s.units = append(s.units, u)
	case "pages-deploy", "pages-deploy-detailed":
		s.units = append(s.units, unit{
			typ: shipbell.Pages, name: stringOf(e.PagesProject), deploymentID: stringOf(e.DeploymentID),
			url: webAddress(stringOf(e.URL)), environment: stringOf(e.PagesTarget), commit: e.PagesMetadata.Metadata.Commit,
		})
	case "command-failed":
		s.failures = append(s.failures, failureText(e))
	}
}

// failureText joins message and code, unless the message has the code already.
func failureText(e outputEntry) string {
	message, code := strings.TrimSpace(stringOf(e.Message)), ""
	if e.Code != nil {
		if text, err := json.Marshal(e.Code); err == nil {
			code = strings.Trim(string(text), `"`)
		}
	}
	switch {
	case message == "" && code == "":
		return "wrangler failed"
	case message == "":
		return "wrangler failed [code: " + code + "]"
	case code == "" || strings.Contains(message, code):
		return message
	}
	return message + " [code: " + code + "]"
}

// customDomain matches a target such as "shop.example.com (custom domain)".
var customDomain = regexp.MustCompile(`^([A-Za-z0-9.-]+\.[A-Za-z0-9-]+) \(custom domain\b`)

// targetURL picks the address that people know: a domain of their own, then the
// first address of all. Other targets are routes, schedules and queues.
func targetURL(targets []string) string {
	for _, target := range targets {
		if m := customDomain.FindStringSubmatch(target); m != nil {
			return "https://" + m[1]
		}
	}
	for _, target := range targets {
		if url := webAddress(target); url != "" {
			return url
		}
	}
	return ""
}

// webAddress passes http and https addresses.
func webAddress(text string) string {
	if strings.ContainsAny(text, " \t\n") || !strings.HasPrefix(text, "https://") && !strings.HasPrefix(text, "http://") {
		return ""
	}
	return text
}

// merged returns what was deployed, each once. What is said later of the same
// adds to it: a detailed entry, a second try, a version that was uploaded and
// then put live.
func merged(sessions []session) []unit {
	var units []unit
	for _, s := range sessions {
		for _, u := range s.units {
			i := slices.IndexFunc(units, func(o unit) bool { return o.typ == u.typ && o.name == u.name })
			if i < 0 {
				if len(units) < maxUnits {
					units = append(units, u)
				}
				continue
			}
			o := units[i]
			switch {
			case u.typ == shipbell.Pages:
				o.environment = first(u.environment, o.environment)
			case o.environment != u.environment:
				o.environment, o.url = u.environment, "" // the preview's
			}
			if u.versionID != "" && u.versionID != o.versionID {
				o.deploymentID = "" // that of another version
			}
			o.versionID = first(u.versionID, o.versionID)
			o.deploymentID = first(u.deploymentID, o.deploymentID)
			o.url = first(u.url, o.url)
			o.commit = first(u.commit, o.commit)
			units[i] = o
		}
	}
	return units
}

// unresolved returns the failures of deployments that no later call with the
// same arguments made good.
func unresolved(sessions []session) []string {
	var failures []string
	for i, s := range sessions {
		if len(s.failures) == 0 || len(s.args) > 0 && !s.call().deploying() {
			continue
		}
		again := slices.ContainsFunc(sessions[i+1:], func(later session) bool {
			return slices.Equal(later.args, s.args) && len(later.units) > 0
		})
		if !again {
			failures = append(failures, s.failures...)
		}
	}
	return failures
}

// silent returns the command of a call that was to deploy and told of no
// outcome at all, or nothing. Several calls at once write into each other's
// sessions, so they are counted.
func silent(sessions []session) string {
	calls, outcomes := 0, 0
	command := ""
	for _, s := range sessions {
		told := 0
		if s.nothing {
			told++
		}
		told += len(s.failures)
		names := map[string]bool{}
		for _, u := range s.units {
			names[string(u.typ)+u.name] = true
		}
		told += len(names)
		outcomes += told
		if call := s.call(); call.deploying() && !call.dryRun {
			calls++
			if told == 0 {
				command = call.command
			}
		}
	}
	if calls > outcomes {
		return command
	}
	return ""
}

func stringOf(v any) string {
	s, _ := v.(string)
	return s
}

func stringsOf(v any) []string {
	list, _ := v.([]any)
	var all []string
	for _, item := range list {
		if s, ok := item.(string); ok {
			all = append(all, s)
		}
	}
	return all
}
