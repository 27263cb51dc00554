//go:build !unix

package main

import (
	"context"
	"errors"
	"io"
)

// several needs signals that are not everywhere.
func several(context.Context, plan, io.Writer) (ok bool, err error) {
	return false, errors.New("replicas can be frozen on Unix only")
}
