package programs

import (
	"fmt"
	"io"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// Suite is a package of tests that drive the programs, of which a table tells at the end.
type Suite struct {
	Name          string // in errors
	Prefix, Tests string // of its settings
	Parallel      int    // how many tests run at a time
	Print         func(io.Writer)
}

// Run prepares the suite, runs it, looks for goroutines that are left, and prints what came of it. It gives the exit code of the process; flags must
// have been parsed.
func (s Suite) Run(m *testing.M, settings *Settings) (code int) {
	read, cleanUp, err := prepare(s.Prefix, s.Tests, s.Parallel)
	defer cleanUp()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", s.Name, err)
		return 1
	}
	*settings = read
	code = m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	s.Print(os.Stdout)
	return code
}
