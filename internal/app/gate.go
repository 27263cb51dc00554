package app

import (
	"net"

	"github.com/shipbell/shipbell/internal/route"
)

// isLoopback reports whether only programs on this machine can reach an address.
func isLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// matchProject reports whether patterns let a project pass.
func matchProject(patterns []string, project string) bool {
	return route.Patterns(patterns).Match(project)
}
