//go:build !linux

package control

import "errors"

// process is one that is watched: here none can be.
type process struct{}

func watch(int) (process, error) { return process{}, errors.New("processes cannot be watched") }

func (process) gone() bool { return true }

func (process) close() {}
