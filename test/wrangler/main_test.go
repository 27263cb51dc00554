package wrangler

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	_ "github.com/shipbell/shipbell/internal/client" // in the shipbell that is built; see touchInputs
)

// installed is what all cases share: the programs they run.
var installed struct {
	bin     string // directory of the shipbell that was built
	modules string // node_modules with wrangler
	path    string // the PATH on which both are found, with a Node that wrangler accepts
}

// cache is where make deps installs.
const cache = "../../.cache/wrangler"

func TestMain(m *testing.M) {
	code, err := prepare(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// prepare finds wrangler, builds shipbell and runs.
func prepare(run func() int) (int, error) {
	lock, err := os.ReadFile("package-lock.json")
	if err != nil {
		return 0, err
	}
	// make deps leaves the lock there when all of it is installed.
	if there, err := os.ReadFile(filepath.Join(cache, "installed.json")); err != nil || !bytes.Equal(there, lock) {
		return 0, errors.New("shipbell: wrangler is not installed in .cache/wrangler as package-lock.json says\nhint: make deps")
	}
	installed.modules, err = filepath.Abs(filepath.Join(cache, "node_modules"))
	if err != nil {
		return 0, err
	}

	installed.bin, err = os.MkdirTemp("", "shipbell-wrangler-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(installed.bin)
	build := exec.Command("go", "build", "-o", installed.bin, "github.com/shipbell/shipbell/cmd/shipbell")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build shipbell: %w\n%s", err, text)
	}

	installed.path = installed.bin
	nodes, err := filepath.Glob(filepath.Join(installed.modules, "node-linux-*", "bin"))
	if err != nil {
		return 0, err
	}
	for _, directory := range append(nodes, filepath.Join(installed.modules, ".bin"), os.Getenv("PATH")) {
		installed.path += string(os.PathListSeparator) + directory
	}
	return run(), nil
}

// touchInputs looks at what the tests depend on without importing it. The go
// command remembers what a test looked at, and takes the result of an earlier
// run only if none of it has changed.
var touchInputs = sync.OnceValue(func() error {
	sources, err := filepath.Glob("../../cmd/shipbell/*.go")
	if err != nil {
		return err
	}
	for _, file := range append(sources, "package-lock.json", filepath.Join(cache, "installed.json")) {
		if _, err := os.Stat(file); err != nil {
			return err
		}
	}
	return nil
})
