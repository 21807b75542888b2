//go:build linux

package netem

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

// Check tries whether links can be made here, by making one. The error wraps ErrUnsupported and the reason.
func Check() error {
	a, err := NewNamespace()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	b, err := NewNamespace()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnsupported, errors.Join(err, a.Close()))
	}
	l, err := Connect(Config{A: a, B: b})
	if err == nil {
		err = l.Close()
	}
	if err := errors.Join(err, a.Close(), b.Close()); err != nil {
		return fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	return nil
}

// Need skips a test where Check fails, and says loudly what is not tested then. In CI (the environment says CI=true) it fails.
func Need(tb testing.TB, untested string) {
	tb.Helper()
	err := Check()
	if err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		tb.Fatalf("%s IS NOT TESTED: %v", untested, err)
	}
	tb.Skipf("%s IS NOT TESTED: %v", untested, err)
}
