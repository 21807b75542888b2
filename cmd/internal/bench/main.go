package main

import (
	"context"
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
	missed, err := run(ctx, &o)
	stop()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	case o.check && missed > 0:
		fmt.Fprintf(os.Stderr, "bench: %d bars are missed\n", missed)
		os.Exit(1)
	}
}

// run measures and prints the tables. It gives how many bars are missed.
func run(ctx context.Context, o *options) (missed int, err error) {
	dir, err := os.MkdirTemp("", "yodel-bench-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &bench{options: o, dir: dir}
	if err = b.build(ctx); err == nil {
		fmt.Println(machine())
		err = b.ratios(ctx)
	}
	if err == nil {
		err = b.limits(ctx)
	}
	if err == nil {
		err = b.durables(ctx)
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return b.missed, err
}
