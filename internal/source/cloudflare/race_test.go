//go:build race

package cloudflare_test

// raced says that the race detector runs, under which everything takes ten times
// as long: what only repeats itself is repeated less.
const raced = true
