// Command udpimpair runs a UDP proxy that loses, duplicates, delays and
// reorders datagrams, for trials by hand and in shell scripts:
//
//	udpimpair -listen 127.0.0.1:9700 -target 127.0.0.1:9635 -loss 0.1 -delay 20ms -jitter 10ms
//
// It prints one line "up ADDRESS" on standard output when it can be used, runs
// until SIGINT or SIGTERM, and then prints its counts as one JSON object on
// standard error. SIGUSR1 opens the black hole, in which everything is lost;
// SIGUSR2 closes it. It exits 0 when done, 1 on failure, 2 on wrong usage.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"yodel/cmd/internal/impair"
)

func main() {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2)
	os.Exit(run(os.Args[1:], signals, os.Stdout, os.Stderr))
}

// run is main with its surroundings as arguments; it returns the exit code.
func run(args []string, signals <-chan os.Signal, stdout, stderr io.Writer) int {
	cfg, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2
	}
	p, err := impair.New(cfg)
	if err != nil {
		fmt.Fprintf(stderr, "udpimpair: error: %v\n", err)
		if errors.Is(err, impair.ErrConfig) {
			return 2
		}
		return 1
	}
	fmt.Fprintf(stdout, "up %v\n", p.Addr())
	serve(p, signals)
	if err := errors.Join(p.Close(), json.NewEncoder(stderr).Encode(p.Stats())); err != nil {
		fmt.Fprintf(stderr, "udpimpair: error: %v\n", err)
		return 1
	}
	return 0
}

// parse reads the flags; the flag package has reported what it returns.
func parse(args []string, stderr io.Writer) (impair.Config, error) {
	var cfg impair.Config
	fs := flag.NewFlagSet("udpimpair", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&cfg.Listen, "listen", "127.0.0.1:0", "UDP `address` that clients send to")
	fs.StringVar(&cfg.Target, "target", "", "UDP `address` that datagrams go to (required)")
	fs.Float64Var(&cfg.Loss, "loss", 0, "`share` of datagrams lost, 0 to 1, each way")
	fs.Float64Var(&cfg.Dup, "dup", 0, "`share` of datagrams delivered twice")
	fs.Float64Var(&cfg.Reorder, "reorder", 0, "`share` of datagrams that skip the delay")
	fs.DurationVar(&cfg.Delay, "delay", 0, "one-way `delay`")
	fs.DurationVar(&cfg.Jitter, "jitter", 0, "`spread` of the delay to both sides")
	fs.Uint64Var(&cfg.Seed, "seed", 1, "`number` that chooses the sequence of fates")
	if err := fs.Parse(args); err != nil {
		return cfg, err
	}
	if fs.NArg() > 0 {
		fmt.Fprintf(stderr, "udpimpair: error: unexpected argument %q\n", fs.Arg(0))
		return cfg, errors.New("unexpected argument")
	}
	return cfg, nil
}

// serve obeys signals until one of them ends the proxy.
func serve(p *impair.Proxy, signals <-chan os.Signal) {
	for sig := range signals {
		switch sig {
		case syscall.SIGUSR1:
			p.SetBlackhole(true)
		case syscall.SIGUSR2:
			p.SetBlackhole(false)
		default:
			return
		}
	}
}
