package dashboard_test

import (
	"html"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/shipbell/shipbell"
)

func number(id shipbell.DeploymentID) string { return strconv.FormatInt(int64(id), 10) }

var (
	tagForm   = regexp.MustCompile(`<(/?)([a-zA-Z][a-zA-Z0-9]*)((?:\s+[^\s"'<>/=]+(?:="[^"<>]*")?)*)\s*(/?)>`)
	attribute = regexp.MustCompile(`([^\s"'<>/=]+)(?:="([^"]*)")?`)
	voids     = []string{"meta", "link", "input", "br"}
)

// problems says what is wrong with a page: tags that are not closed, and whatever
// could run or load what is not ours.
func problems(page string) []string {
	var found, stack []string
	ids := make(map[string]bool)
	say := func(what string) { found = append(found, what) }
	page = strings.Replace(page, "<!doctype html>", "", 1)
	if n := len(tagForm.FindAllString(page, -1)); n != strings.Count(page, "<") {
		say("a < that opens no tag")
	}
	for _, m := range tagForm.FindAllStringSubmatch(page, -1) {
		closing, name, self := m[1] != "", m[2], m[4] != ""
		if closing {
			if len(stack) == 0 || stack[len(stack)-1] != name {
				say("</" + name + "> closes " + strings.Join(stack, " "))
				return found
			}
			stack = stack[:len(stack)-1]
			continue
		}
		values := make(map[string]string)
		for _, a := range attribute.FindAllStringSubmatch(m[3], -1) {
			values[a[1]] = html.UnescapeString(a[2])
		}
		for key, value := range values {
			switch {
			case strings.HasPrefix(key, "on") || key == "style" || key == "srcdoc":
				say(name + " with " + key)
			case key == "id" && ids[value]:
				say("two with the id " + value)
			case key == "id":
				ids[value] = true
			case (key == "href" || key == "src" || key == "action") && !strings.HasPrefix(value, "/") && !strings.HasPrefix(value, "#") && !strings.HasPrefix(value, "https://") && !strings.HasPrefix(value, "http://"):
				say(name + " leads to " + value)
			case (key == "src" || key == "action") && !strings.HasPrefix(value, "/"):
				say(name + " loads " + value)
			}
		}
		switch name {
		case "style", "iframe", "object", "embed", "base":
			say("a " + name)
		case "script":
			if !strings.HasPrefix(values["src"], "/assets/") {
				say("a script that is not an asset")
			}
		case "th":
			if values["scope"] == "" {
				say("a th without a scope")
			}
		case "input", "select":
			if _, unseen := values["hidden"]; !unseen && values["type"] != "hidden" && (values["id"] == "" || !strings.Contains(page, `for="`+values["id"]+`"`)) {
				say(name + " " + values["name"] + " without a label")
			}
		}
		if !self && !slices.Contains(voids, name) {
			stack = append(stack, name)
		}
	}
	if len(stack) > 0 {
		say("not closed: " + strings.Join(stack, " "))
	}
	return found
}

// TestProblems: the check finds what it is for.
func TestProblems(t *testing.T) {
	for _, page := range []string{
		"<p>", "<p></div></p>", `<p onclick="x"></p>`, `<a href="javascript:x"></a>`, "<script></script>", "a < b", `<p style="x"></p>`,
		`<p id="a"></p><p id="a"></p>`, "<th></th>", `<input name="x">`, "<style></style>", `<img src="https://elsewhere.example/"/>`,
	} {
		if problems(page) == nil {
			t.Errorf("nothing is wrong with %s", page)
		}
	}
}

// TestPages: every page of a history with hostile texts is well formed, whoever
// looks, and holds nothing that runs or loads what is not ours.
func TestPages(t *testing.T) {
	s := open(t, history, nil)
	for _, v := range []shipbell.Visitor{admin, reader} {
		for _, path := range s.paths(t) {
			w := s.get(v, path)
			page := w.Body.String()
			for _, p := range problems(page) {
				t.Errorf("%s for %s: %s", path, v.Scope, p)
			}
			if want := "default-src 'none'"; !strings.Contains(w.Header().Get("Content-Security-Policy"), want) {
				t.Errorf("%s: no policy in %v", path, w.Header())
			}
			for _, h := range []struct{ tag, how string }{{"h1", "one"}, {"main", "one"}, {"title>", "one"}} {
				if n := strings.Count(page, "<"+h.tag); n != 1 && (h.tag != "title>" || n == 0) {
					t.Errorf("%s: %d %s", path, n, h.tag)
				}
			}
		}
	}
}

// hidden are the characters that turn the direction of what follows, or show nothing.
const hidden = "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"

// TestNothingHidden: no character of a pusher changes how its neighbours read, and
// none of the hostile texts is markup.
func TestNothingHidden(t *testing.T) {
	s := open(t, history, nil)
	for _, path := range s.paths(t) {
		page := s.get(admin, path).Body.String()
		if visible := stripAttributes(page); strings.ContainsAny(visible, hidden) {
			t.Errorf("%s shows a hidden character", path)
		}
		for _, evil := range []string{"<script>alert", "<img", `onload="alert`, "javascript:", "data:text"} {
			if strings.Contains(strings.ToLower(page), evil) {
				t.Errorf("%s holds %s", path, evil)
			}
		}
	}
}

// stripAttributes leaves what is seen.
func stripAttributes(page string) string { return tagForm.ReplaceAllString(page, "") }

// TestReaderSeesNoButtons: who may only look is shown nothing else.
func TestReaderSeesNoButtons(t *testing.T) {
	s := open(t, history, nil)
	buttons := 0
	for _, path := range s.paths(t) {
		for v, want := range map[string]bool{"reader": false, "admin": true} {
			who := map[string]shipbell.Visitor{"reader": reader, "admin": admin}[v]
			page := s.get(who, path).Body.String()
			page = strings.ReplaceAll(page, `<form method="post" action="/signout">`, "")
			page = strings.ReplaceAll(page, `<form method="post" action="/signin">`, "")
			n := strings.Count(page, `method="post"`)
			if n > 0 && !want || strings.Contains(page, `href="/access"`) != want && !strings.HasPrefix(path, "/signin") {
				t.Errorf("%s for %s: %d buttons", path, v, n)
			}
			buttons += n
		}
	}
	if buttons < 10 {
		t.Errorf("an admin saw only %d buttons", buttons)
	}
}

// TestAssets: everything a page leads to is there, and can be kept for good.
func TestAssets(t *testing.T) {
	s := open(t, nothing, nil)
	page := s.get(nobody, "/signin").Body.String()
	found := regexp.MustCompile(`/assets/[a-z0-9.-]+`).FindAllString(page, -1)
	if len(found) < 5 {
		t.Fatalf("only %q", found)
	}
	for _, address := range found {
		w := s.get(nobody, address)
		if w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || w.Header().Get("Content-Type") == "" {
			t.Errorf("%s: %d %v", address, w.Code, w.Header())
		}
	}
	if w := s.get(nobody, "/assets/app.000000000000.js"); w.Code != http.StatusNotFound {
		t.Errorf("an asset of another version: %d", w.Code)
	}
}
