package fakecloudflare

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The upload of files. Only their hashes are kept.
//
// A direct upload: wrangler pages deploy gets a token for a while, asks which files
// are missing, uploads these, and makes a deployment of the manifest.

// uploadTokenLife is how long the token works; wrangler gets a new one when it has
// expired.
const uploadTokenLife = 5 * time.Minute

// uploadSignature stands in for the signature of a JWT, which nobody here checks.
const uploadSignature = "not-a-signature"

func jwt(claims object) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + part(encode(claims)) + "." + uploadSignature
}

func getUploadToken(r *request) answer {
	if _, refusal := projectOf(r); refusal != nil {
		return refusal
	}
	return &reply{result: object{"jwt": jwt(object{
		"iat": r.now.Unix(), "exp": r.now.Add(uploadTokenLife).Unix(), "max_file_count_allowed": 20_000,
	})}}
}

// uploadToken refuses a request without a token of [getUploadToken].
func (r *request) uploadToken() answer {
	if !strings.HasSuffix(bearer(r.Request), "."+uploadSignature) {
		return refuse(http.StatusUnauthorized, codePagesUpload, "Authorization failed")
	}
	return nil
}

func checkMissing(r *request) answer {
	var body struct{ Hashes []string }
	if refusal := r.uploadToken(); refusal != nil {
		return refusal
	}
	if refusal := r.decode(&body); refusal != nil {
		return refusal
	}
	missing := []string{}
	for _, hash := range body.Hashes {
		if !r.server.assets[hash] {
			missing = append(missing, hash)
		}
	}
	return &reply{result: missing}
}

func uploadAssets(r *request) answer {
	var body []struct{ Key string }
	if refusal := r.uploadToken(); refusal != nil {
		return refusal
	}
	if refusal := r.decode(&body); refusal != nil {
		return refusal
	}
	for _, file := range body {
		r.server.assets[file.Key] = true
	}
	return &reply{result: object{"successful_key_count": len(body), "unsuccessful_keys": []string{}}}
}

func upsertHashes(r *request) answer {
	if refusal := r.uploadToken(); refusal != nil {
		return refusal
	}
	return &reply{result: true}
}

// postAssetsSession begins the upload of a Worker's static assets: it says which
// files are missing. If none is, the token completes the upload at once.
func postAssetsSession(r *request) answer {
	var body struct {
		Manifest map[string]struct {
			Hash string `json:"hash"`
		} `json:"manifest"`
	}
	if refusal := r.decode(&body); refusal != nil {
		return refusal
	}
	missing := []string{}
	for _, file := range body.Manifest {
		if !r.server.assets[file.Hash] && !slices.Contains(missing, file.Hash) {
			missing = append(missing, file.Hash)
		}
	}
	slices.Sort(missing)
	token := jwt(object{
		"iat": r.now.Unix(), "exp": r.now.Add(time.Hour).Unix(), "session": r.server.id("session"),
	})
	r.server.sessions[token] = missing
	buckets := [][]string{}
	if len(missing) > 0 {
		buckets = append(buckets, missing)
	}
	return &reply{result: object{"jwt": token, "buckets": buckets}}
}

// uploadWorkerAssets takes files, each in a part with its hash for a name. The
// last one gets the token that completes the upload.
func uploadWorkerAssets(r *request) answer {
	token := bearer(r.Request)
	missing, ok := r.server.sessions[token]
	if !ok {
		return refuse(http.StatusUnauthorized, codeAuthentication, "Authentication error")
	}
	form, refusal := r.form()
	if refusal != nil {
		return refusal
	}
	for hash := range form {
		r.server.assets[hash] = true
	}
	missing = slices.DeleteFunc(missing, func(hash string) bool { return r.server.assets[hash] })
	r.server.sessions[token] = missing
	if len(missing) > 0 {
		return &reply{status: http.StatusAccepted, result: object{}}
	}
	return &reply{status: http.StatusCreated, result: object{"jwt": token}}
}
