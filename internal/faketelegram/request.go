package faketelegram

import (
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxParameters is how many bytes of parameters Telegram reads:
// MAX_TOTAL_PARAMETERS_LENGTH in https://github.com/tdlib/td/blob/master/tdnet/td/net/HttpReader.h
const maxParameters = 1 << 20

// argument is one parameter of a request. Like Telegram, this package sees each
// as text, whatever encoding it came in; the rest is only for violations.
type argument struct {
	text   string
	json   bool // the text is JSON that came as such
	quoted bool // a JSON string
}

// arguments are the parameters of a request by name. Of several with the same
// name the first counts, and those in the address come first.
type arguments map[string]argument

func (a arguments) text(name string) string { return a[name].text }

func (a arguments) integer(name string) int { return int(leadingInt(a[name].text)) }

// flag reads a boolean as Client::to_bool in telegram-bot-api does.
func (a arguments) flag(name string) bool {
	switch lower(strings.TrimSpace(a[name].text)) {
	case "true", "yes", "1":
		return true
	}
	return false
}

func (a arguments) add(name string, v argument) {
	if _, ok := a[name]; !ok {
		a[name] = v
	}
}

func (a arguments) addValues(values url.Values) {
	for name, all := range values {
		if len(all) > 0 {
			a.add(name, argument{text: all[0]})
		}
	}
}

// readArguments reads the parameters of a request from its address and its
// body. A body that cannot be read is like one without parameters, as with
// Telegram; problem says so.
func readArguments(r *http.Request) (a arguments, problem string, err error) {
	a = arguments{}
	if r.URL.RawQuery != "" {
		a.addValues(r.URL.Query())
	}
	if r.Body == nil || r.Body == http.NoBody {
		return a, "", nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxParameters+1))
	if err != nil {
		return nil, "", err
	}
	if len(body)+len(r.URL.RawQuery) > maxParameters {
		return nil, "", &apiError{Code: http.StatusRequestEntityTooLarge, Description: "Request Entity Too Large: too many parameters"}
	}
	if len(body) == 0 {
		return a, "", nil
	}
	media, parameters, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch media {
	case "application/json":
		problem = a.addJSON(body)
	case "application/x-www-form-urlencoded":
		values, err := url.ParseQuery(string(body))
		a.addValues(values)
		if err != nil {
			problem = "the form is not well encoded"
		}
	case "multipart/form-data":
		problem = a.addMultipart(strings.NewReader(string(body)), parameters["boundary"])
	default:
		problem = "a body of type \"" + media + "\" is not read for parameters"
	}
	return a, problem, nil
}

func (a arguments) addJSON(body []byte) (problem string) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil {
		return "the body is not a JSON object"
	}
	for name, raw := range object {
		v := argument{text: string(raw), json: true}
		if raw[0] == '"' {
			v = argument{quoted: true}
			// Go replaces what is not UTF-8; Telegram refuses it later.
			if !utf8.Valid(raw) {
				v.text = string(raw[1 : len(raw)-1])
			} else if err := json.Unmarshal(raw, &v.text); err != nil {
				return "the body is not a JSON object"
			}
		}
		a.add(name, v)
	}
	return ""
}

func (a arguments) addMultipart(body io.Reader, boundary string) (problem string) {
	parts := multipart.NewReader(body, boundary)
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			return ""
		}
		if err != nil {
			return "the multipart form is not well encoded"
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return "the multipart form is not well encoded"
		}
		if part.FileName() == "" {
			a.add(part.FormName(), argument{text: string(value)})
		}
	}
}
