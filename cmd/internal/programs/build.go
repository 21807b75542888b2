package programs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Find gives the folder of the programs: what YODEL_BIN names, else a new one in which they are built. cleanUp removes what it has made.
func Find() (dir string, cleanUp func(), err error) {
	if named := os.Getenv("YODEL_BIN"); named != "" {
		dir, err = filepath.Abs(named)
		return dir, func() {}, err
	}
	dir, err = os.MkdirTemp("", "yodel-bin-")
	if err != nil {
		return "", func() {}, err
	}
	cleanUp = func() { _ = os.RemoveAll(dir) }
	if err := build(dir); err != nil {
		cleanUp()
		return "", func() {}, err
	}
	return dir, cleanUp, nil
}

// build builds the programs as `make build` does.
func build(dir string) error {
	for _, program := range []struct{ name, cgo string }{{"yodel", "1"}, {"yodeld", "0"}} {
		cmd := exec.Command("go", "build", "-tags", "nolibopusfile,urfave_cli_no_docs", "-buildvcs=false", "-o", dir, "yodel/cmd/"+program.name)
		cmd.Env = append(os.Environ(), "CGO_ENABLED="+program.cgo)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w\n%s", program.name, err, out)
		}
	}
	return nil
}
