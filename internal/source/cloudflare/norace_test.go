//go:build !race

package cloudflare_test

const raced = false
