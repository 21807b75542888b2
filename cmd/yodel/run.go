package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"yodel/cmd/internal/completion"
)

// endGrace is how long a command may take to end after a signal. It may be held up for ever, by a standard output that nobody
// reads.
const endGrace = 800 * time.Millisecond

// streams are what a program reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// run is the whole program: it runs the command line args (args[0] is the program's name) and gives the
// exit code.
func run(ctx context.Context, args []string, std streams) int {
	ctx, stop := withSignals(ctx)
	defer stop()
	sh := &shell{stdin: std.in, out: newPrinter(std.out, std.err)}
	sh.out.json = asksForJSON(args)
	ended := make(chan int, 1)
	go func() { ended <- sh.finish(ctx, sh.runArgs(ctx, args)) }()
	select {
	case code := <-ended:
		return code
	case <-ctx.Done():
		return sh.end(ctx, ended)
	}
}

// end waits for a command whose context has ended. After a signal it does not wait for ever: then it kills what records, and says goodbye to
// the daemon, in the command's place.
func (sh *shell) end(ctx context.Context, ended <-chan int) int {
	var sig signalError
	if !errors.As(context.Cause(ctx), &sig) {
		return <-ended
	}
	grace := time.NewTimer(endGrace)
	defer grace.Stop()
	select {
	case code := <-ended:
		return code
	case <-grace.C:
	}
	sh.recorder.Load().kill()
	_ = sh.mark.Load().save() // what standard output has taken
	if client := sh.dialled.Load(); client != nil {
		hangUp(client)
	}
	return sig.exit()
}

func (sh *shell) runArgs(ctx context.Context, args []string) error {
	app := sh.app()
	if words := completion.Asked(); words != nil {
		for _, offered := range completion.Offer(app, words, wordsEndFlags) {
			sh.out.line(offered)
		}
		return nil
	}
	ordered, err := arrange(app, args)
	if err != nil {
		return err
	}
	return app.RunContext(ctx, ordered)
}

// signalError is the cause of a context that a signal ended.
type signalError struct{ sig syscall.Signal }

func (e signalError) Error() string { return e.sig.String() }

// exit is the code by which a shell knows what ended a program.
func (e signalError) exit() int { return 128 + int(e.sig) }

// withSignals gives a context that ends with SIGINT, SIGTERM or, unless nohup has it ignored, SIGHUP. After the first of
// them a second one kills the program as usual. SIGPIPE is caught, so that a write to a closed pipe is an error like any other and
// the daemon is told goodbye.
func withSignals(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	ends := make(chan os.Signal, 1)
	pipes := make(chan os.Signal, 1)
	signal.Notify(ends, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(ends, syscall.SIGHUP)
	}
	signal.Notify(pipes, syscall.SIGPIPE)
	go func() {
		select {
		case sig := <-ends:
			signal.Stop(ends)
			s, _ := sig.(syscall.Signal)
			cancel(signalError{s})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(ends)
		signal.Stop(pipes)
		cancel(nil)
	}
}

// finish reports err and gives its exit code.
func (sh *shell) finish(ctx context.Context, err error) int {
	sh.out.clearStatus()
	var sig signalError
	if errors.As(context.Cause(ctx), &sig) && (err == nil || errors.Is(err, context.Canceled) || errors.Is(err, sig)) {
		if f := explain(err); f.unsent != nil {
			f.exit, f.code = sig.exit(), "interrupted"
			sh.out.failure(f)
		}
		return sig.exit()
	}
	if errors.Is(err, errNoCommand) {
		_, _ = io.WriteString(sh.out.stderr, examples)
		return exitUsage
	}
	if err == nil {
		err = sh.out.failed()
	}
	if err == nil || errors.Is(err, errStdoutClosed) {
		return exitDone
	}
	f := explain(err)
	sh.out.failure(f)
	return f.exit
}
