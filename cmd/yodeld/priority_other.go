//go:build !linux

package main

// raisePriority does nothing here.
func raisePriority() error { return nil }
