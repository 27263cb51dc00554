package fakecloudflare

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"mime"
	"mime/multipart"
	"net/http"
	"regexp"
)

// form reads a multipart form: the content of every part by its name, the last of
// several with the same one.
func (r *request) form() (map[string][]byte, answer) {
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || params["boundary"] == "" {
		return nil, refuse(http.StatusBadRequest, codeMalformed, "Content-Type must be one of: multipart/form-data")
	}
	parts := map[string][]byte{}
	reader := multipart.NewReader(bytes.NewReader(r.body), params["boundary"])
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return parts, nil
		}
		if err != nil {
			return nil, refuse(http.StatusBadRequest, codeMalformed, "Malformed form: %s", err)
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return nil, refuse(http.StatusBadRequest, codeMalformed, "Malformed form: %s", err)
		}
		parts[part.FormName()] = content
	}
}

// metadata is what this package reads of the metadata of an upload.
type metadata struct {
	CompatibilityDate string            `json:"compatibility_date"`
	Tags              []string          `json:"tags"`
	Annotations       map[string]string `json:"annotations"`
	Assets            json.RawMessage   `json:"assets"`
	Bindings          []struct {
		Name string `json:"name"`
		Type string `json:"type"`
	} `json:"bindings"`
}

// nameForm is what a Worker may be called.
var nameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-_]{0,61}[a-z0-9_])?$`)

// readUpload reads the metadata of an upload and puts it on the Worker.
func readUpload(r *request) (metadata, answer) {
	var m metadata
	form, refusal := r.form()
	if refusal != nil {
		return m, refusal
	}
	if form["metadata"] == nil {
		return m, refuse(http.StatusBadRequest, codeInvalidUpload, "No metadata part in the upload")
	}
	if err := json.Unmarshal(form["metadata"], &m); err != nil {
		return m, refuse(http.StatusBadRequest, codeInvalidUpload, "Malformed metadata: %s", err)
	}
	return m, nil
}

func (m metadata) apply(w *worker) {
	if m.CompatibilityDate != "" {
		w.compatibilityDate = m.CompatibilityDate
	}
	if m.Tags != nil {
		w.Tags = m.Tags
	}
	if m.Assets != nil {
		w.hasAssets = true
	}
	for _, b := range m.Bindings {
		if b.Type == "secret_text" {
			w.secrets[b.Name] = true
		}
	}
}

// The limits of annotations, in bytes.
const (
	maxMessage = 1000
	maxTag     = 100
)

func (m metadata) options(r *request) (VersionOptions, answer) {
	o := VersionOptions{
		Source: r.source(), Author: r.token.User, Message: truncate(m.Annotations["workers/message"]),
		Tag: m.Annotations["workers/tag"], Alias: m.Annotations["workers/alias"],
	}
	if len(o.Tag) > maxTag {
		return o, refuse(http.StatusBadRequest, codeInvalidUpload, "workers/tag is longer than %d bytes", maxTag)
	}
	return o, nil
}

func truncate(message string) string { return message[:min(len(message), maxMessage)] }

// putScript uploads a version and deploys it, as the first wrangler deploy of a
// Worker does.
func putScript(r *request) answer {
	name := r.values["script"]
	if !nameForm.MatchString(name) {
		return refuse(http.StatusBadRequest, codeWorkerName, "invalid Worker name")
	}
	m, refusal := readUpload(r)
	if refusal != nil {
		return refusal
	}
	o, refusal := m.options(r)
	if refusal != nil {
		return refusal
	}
	w := r.server.worker(name)
	if w == nil {
		w = r.server.newWorker(name)
		w.NoSubdomain = true // until someone switches it on
	}
	m.apply(w)
	v := r.server.upload(w, o)
	r.server.deploy(w, Deployment{
		Source: o.Source, Author: o.Author, Message: o.Message, TriggeredBy: v.TriggeredBy,
		Versions: []Share{{Version: v.ID, Percentage: 100}},
	})
	result := scriptJSON(w)
	// This field is the id of the version, not of the deployment; wrangler reads it so.
	result["deployment_id"] = v.ID
	result["startup_time_ms"] = 5
	result["available_on_subdomain"] = !w.NoSubdomain
	result["entry_point"] = nil
	return &reply{result: result}
}

// postVersion uploads a version without deploying it.
func postVersion(r *request) answer {
	w, refusal := scriptOf(r)
	if refusal != nil {
		return refusal
	}
	m, refusal := readUpload(r)
	if refusal != nil {
		return refusal
	}
	o, refusal := m.options(r)
	if refusal != nil {
		return refusal
	}
	m.apply(w)
	v := r.server.upload(w, o)
	return &reply{result: r.server.versionJSON(w, v, true)}
}

// postDeployment deploys versions that exist. A client cannot say what triggered
// it (https://github.com/cloudflare/workers-sdk/pull/5306), so wrangler rollback,
// which makes this call too, is not told apart from wrangler versions deploy.
func postDeployment(r *request) answer {
	w, refusal := scriptOf(r)
	if refusal != nil {
		return refusal
	}
	var body struct {
		Strategy string `json:"strategy"`
		Versions []struct {
			ID         string  `json:"version_id"`
			Percentage float64 `json:"percentage"`
		} `json:"versions"`
		Annotations map[string]string `json:"annotations"`
	}
	if refusal := r.decode(&body); refusal != nil {
		return refusal
	}
	if body.Strategy != "percentage" {
		return refuse(http.StatusBadRequest, codeMalformed, "strategy must be percentage")
	}
	if _, ok := body.Annotations["workers/triggered_by"]; ok {
		return refuse(http.StatusBadRequest, codeMalformed, "workers/triggered_by cannot be set")
	}
	if n := len(body.Versions); n < 1 || n > 2 {
		return refuse(http.StatusBadRequest, codeMalformed, "a deployment has one or two versions")
	}
	var shares []Share
	sum := 0.0
	for _, v := range body.Versions {
		if w.version(v.ID) == nil {
			return versionNotFound()
		}
		shares = append(shares, Share{Version: v.ID, Percentage: v.Percentage})
		sum += v.Percentage
	}
	if math.Abs(sum-100) > 0.01 {
		return refuse(http.StatusBadRequest, codeMalformed, "percentages must add up to 100")
	}
	d := r.server.deploy(w, Deployment{
		Source: r.source(), Author: r.token.User, Message: truncate(body.Annotations["workers/message"]),
		TriggeredBy: TriggeredByDeployment, Versions: shares,
	})
	return &reply{result: deploymentJSON(d)}
}
