//go:build !unix

package main

import "errors"

func (*bench) postgres() (database, error) {
	return database{}, errors.New("PostgreSQL is measured on Unix only")
}
