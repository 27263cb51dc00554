package main

import "context"

type demoCmd struct {
	Keep bool `help:"Leave the server running afterwards, to push to."`
}

func (demoCmd) Run(ctx context.Context, s streams) error { return nil }
