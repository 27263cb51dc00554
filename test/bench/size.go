package main

import (
	"os"

	"github.com/shipbell/shipbell/internal/faketelegram"
)

// size prints how large the binary is, and how much memory an idle server takes.
func (b *bench) size() error {
	info, err := os.Stat(b.binary)
	if err != nil {
		return err
	}
	telegram, err := b.startTelegram(faketelegram.Options{})
	if err != nil {
		return err
	}
	p, err := b.startShipbell(b.sqlite(), telegram)
	if err != nil {
		return err
	}
	memory := p.resident()
	b.add(row{what: "static binary", figure: megabytes(info.Size()), goal: below(20, float64(info.Size())/mb, " MB")})
	b.add(row{what: "memory of an idle server", figure: megabytes(memory), goal: below(40, float64(memory)/mb, " MB")})
	return nil
}
