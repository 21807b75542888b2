package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	rows   *regexp.Regexp
	rounds int
	length time.Duration
	check  bool
	bin    string
}

func main() {
	var o options
	rows := flag.String("rows", "", "only rows whose name matches this `REGEXP`")
	flag.IntVar(&o.rounds, "rounds", 5, "`N` rounds of each row")
	flag.DurationVar(&o.length, "for", 4*time.Second, "measure for `TIME` in each round")
	flag.BoolVar(&o.check, "check", false, "exit 1 when a bar is missed")
	flag.StringVar(&o.bin, "bin", "", "`FOLDER` of yodel and yodeld; empty: they are built")
	flag.Parse()
	var err error
	if o.rows, err = regexp.Compile(*rows); err != nil || o.rounds < 1 || o.length < time.Second {
		fmt.Fprintf(os.Stderr, "bench: -rows %q, -rounds %d, -for %v: %v\n", *rows, o.rounds, o.length, err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err = run(ctx, &o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		if o.check || !errors.Is(err, errMissed) {
			os.Exit(1)
		}
	}
}

// run measures and prints both tables. The error has the bars that were missed, and what failed.
func run(ctx context.Context, o *options) error {
	dir, err := os.MkdirTemp("", "yodel-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &bench{options: o, dir: dir}
	if err := b.build(ctx); err != nil {
		return err
	}
	fmt.Println(machine())
	err = b.ratios(ctx)
	if ctx.Err() == nil {
		err = errors.Join(err, b.limits(ctx))
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
