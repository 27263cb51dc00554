package api

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/spelling"
	"github.com/shipbell/shipbell/internal/wire"
)

// The policy of this file: a parameter that is not understood is refused. One that
// is passed over would show other deployments than those that were asked for.

// The names of parameters beside those of a filter.
const (
	paramAfter       = "after"
	paramLimit       = "limit"
	paramEnvironment = "environment"
	paramBefore      = "before"
	paramState       = "state"
)

// The sizes of one answer.
const (
	defaultLimit = 50
	maxLimit     = 200
)

// repeatable are the parameters that may be given more than once.
var repeatable = []string{"status", paramState}

// checkParams refuses parameters that are not among the accepted ones.
func checkParams(v url.Values, accepted []string) error {
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !slices.Contains(accepted, name) {
			return badParam(wire.CodeUnknownParameter, cut(name, maxNamed), "Unknown parameter", nearest(name, accepted))
		}
		if len(v[name]) > 1 && !slices.Contains(repeatable, name) {
			return badParam(wire.CodeInvalidParameter, name, "Parameter given twice", "give it once")
		}
	}
	return nil
}

// maxNamed bounds what is repeated of a request, in bytes.
const maxNamed = 64

// nearest says what may have been meant.
func nearest(name string, accepted []string) string {
	if len(accepted) == 0 {
		return "no parameters are accepted here"
	}
	best := slices.MinFunc(accepted, func(a, b string) int { return distance(name, a) - distance(name, b) })
	if len(name) <= maxNamed && distance(name, best) <= max(2, len(best)/2) {
		return fmt.Sprintf("did you mean %s?", best)
	}
	return "accepted: " + strings.Join(accepted, ", ")
}

// distance is how far a name is from one that is accepted, whatever its case.
func distance(name, accepted string) int {
	return spelling.Distance(strings.ToLower(cut(name, 2*maxNamed)), accepted)
}

// filter reads a filter.
func (a *API) filter(v url.Values) (shipbell.Filter, error) {
	f, err := shipbell.ParseFilter(v, a.Now())
	var bad *shipbell.ParamError
	if errors.As(err, &bad) {
		return f, badParam(wire.CodeInvalidParameter, bad.Param, "Parameter not understood", bad.Accepts)
	}
	return f, err
}

// limit reads how much is wanted.
func limit(v url.Values) (int, error) {
	text := v.Get(paramLimit)
	if text == "" {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		return 0, badParam(wire.CodeInvalidParameter, paramLimit, "Parameter not understood", fmt.Sprintf("a number from 1 to %d", maxLimit))
	}
	return n, nil
}
