//go:build !linux

package load

import "context"

// Run is for Linux only: elsewhere it gives ErrSystem.
func Run(context.Context, Config) (*Result, error) { return nil, ErrSystem }
