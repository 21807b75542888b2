package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// shortest is how short a run may be: each row of the table has its time.
const shortest = time.Second

// options are what the command line says.
type options struct {
	bin  string
	last time.Duration
	seed uint64
	dir  string // for what is kept during the run
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main with its surroundings as arguments; it returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	var o options
	fs := flag.NewFlagSet("soak", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.bin, "bin", "bin", "`folder` of yodel and yodeld")
	fs.DurationVar(&o.last, "for", 10*time.Minute, "how `long`")
	fs.Uint64Var(&o.seed, "seed", 1, "`number` that chooses the faults")
	if err := fs.Parse(args); err != nil {
		return 2
	}
	if o.last < shortest {
		fmt.Fprintf(stderr, "soak: error: -for %v: at least %v\n", o.last, shortest)
		return 2
	}
	dir, err := os.MkdirTemp("", "yodel-soak-")
	if err != nil {
		fmt.Fprintln(stderr, "soak: error:", err)
		return 1
	}
	o.dir = dir
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	faults, err := soakFor(ctx, o, stdout)
	if err != nil {
		fmt.Fprintln(stderr, "soak: error:", err)
		return 1
	}
	for _, f := range faults {
		fmt.Fprintln(stdout, "FAILED:", f)
	}
	if len(faults) > 0 {
		fmt.Fprintln(stdout, "what the programs said is in", dir)
		return 1
	}
	_ = os.RemoveAll(dir)
	fmt.Fprintln(stdout, "passed")
	return 0
}
